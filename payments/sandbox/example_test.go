package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/sandbox"
)

func Example() {
	ctx := context.Background()
	network := sandbox.New(payments.NewMemoryKV(), sandbox.Options{
		Opening: 10_000 * payments.Sat,
		Now:     func() time.Time { return time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC) },
	})
	shop, _ := network.Wallet(ctx, "shop")
	customer, _ := network.Wallet(ctx, "customer")

	inv, _ := shop.CreateInvoice(ctx, payments.Charge{Key: "order-7", Amount: 1500 * payments.Sat, Memo: "one latte"})
	fmt.Println(inv.Bolt11[:10], inv.Status, "until", inv.ExpiresAt.Format(time.TimeOnly))

	payment, _ := customer.Pay(ctx, payments.PayRequest{Bolt11: inv.Bolt11, Amount: inv.Amount})
	fmt.Println(payment.State, payment.Preimage, payment.Preimage.Hash() == inv.Hash)

	inv, _ = shop.LookupInvoice(ctx, inv.ID)
	fmt.Println(inv.Status, inv.Received)

	have, _ := shop.Balance(ctx)
	left, _ := customer.Balance(ctx)
	fmt.Println(have, "and", left)
	// Output:
	// lnbcrt15u1 open until 16:04:05
	// succeeded REDACTED true
	// settled 1500 sat
	// 11500 sat and 8500 sat
}

// Every failure says whether it may be tried again.
func ExampleWallet_Pay() {
	ctx := context.Background()
	network := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Openings: map[string]payments.Msat{"poor": 10 * payments.Sat}})
	shop, _ := network.Wallet(ctx, "shop")
	poor, _ := network.Wallet(ctx, "poor")
	inv, _ := shop.CreateInvoice(ctx, payments.Charge{Key: "order-8", Amount: 11 * payments.Sat})

	_, err := poor.Pay(ctx, payments.PayRequest{Bolt11: inv.Bolt11, Amount: inv.Amount})
	fmt.Println(err)
	fmt.Println(errors.Is(err, payments.ErrFunds), payments.MayRepeat(err))
	// Output:
	// sandbox: pay: not enough funds [not applied]
	// true true
}

// Money on hold is taken only when the shop knows that it can deliver.
func ExampleWallet_CreateHold() {
	ctx := context.Background()
	network := sandbox.New(payments.NewMemoryKV(), sandbox.Options{})
	shop, _ := network.Wallet(ctx, "shop")
	customer, _ := network.Wallet(ctx, "customer")

	preimage := payments.Preimage{1, 2, 3} // random in earnest, and kept
	inv, _ := shop.CreateHold(ctx, payments.HoldCharge{
		Charge: payments.Charge{Key: "order-9", Amount: 900 * payments.Sat}, Hash: preimage.Hash(),
	})
	payment, _ := customer.Pay(ctx, payments.PayRequest{Bolt11: inv.Bolt11, Amount: inv.Amount})
	inv, _ = shop.LookupInvoice(ctx, inv.ID)
	fmt.Println("customer:", payment.State, "shop:", inv.Status)

	fmt.Println(shop.SettleHold(ctx, preimage))
	payment, _ = customer.LookupPayment(ctx, inv.Hash)
	inv, _ = shop.LookupInvoice(ctx, inv.ID)
	fmt.Println("customer:", payment.State, "shop:", inv.Status)
	// Output:
	// customer: pending shop: held
	// <nil>
	// customer: succeeded shop: settled
}

// A refund is prepared, stored, and executed as often as it takes.
func ExampleWallet_PrepareRefund() {
	ctx := context.Background()
	network := sandbox.New(payments.NewMemoryKV(), sandbox.Options{})
	shop, _ := network.Wallet(ctx, "shop")
	customer, _ := network.Wallet(ctx, "customer")

	attempt, err := shop.PrepareRefund(ctx, payments.Refund{Key: "refund-9", Destination: customer.Address(), Amount: 900 * payments.Sat})
	fmt.Println(len(attempt) > 0, err) // store the attempt with the order, then
	for range 2 {
		payment, err := shop.ExecuteRefund(ctx, attempt)
		fmt.Println(payment.State, err)
	}
	balance, _ := customer.Balance(ctx)
	fmt.Println(balance)
	// Output:
	// true <nil>
	// succeeded <nil>
	// succeeded <nil>
	// 1000900 sat
}
