package payments_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/sandbox"
)

func ExampleMsat() {
	price := 900*payments.Sat + payments.Sat/2
	fmt.Println(price)
	fmt.Println(price.CeilSat())
	// Output:
	// 900.5 sat
	// 901 sat
}

func ExampleParseBTC() {
	amount, err := payments.ParseBTC("0.00021")
	fmt.Println(amount, err)
	_, err = payments.ParseBTC("1e-5")
	fmt.Println(err)
	// Output:
	// 21000 sat <nil>
	// not an amount of money: "1e-5" BTC: want digits with at most one decimal point
}

// A failed payment is paid again only when the error says that nothing
// happened; otherwise it is looked up.
func ExampleMayRepeat() {
	refused := &payments.Error{Provider: "lnd", Op: "pay", Kind: payments.ErrNoRoute, Outcome: payments.NotApplied}
	timeout := &payments.Error{Provider: "lnd", Op: "pay", Kind: payments.ErrUnavailable, Err: context.DeadlineExceeded}
	for _, err := range []error{refused, timeout} {
		fmt.Println(err)
		fmt.Println("no route:", errors.Is(err, payments.ErrNoRoute), "may repeat:", payments.MayRepeat(err))
	}
	// Output:
	// lnd: pay: no route to the payee [not applied]
	// no route: true may repeat: true
	// lnd: pay: unavailable: context deadline exceeded [outcome unknown]
	// no route: false may repeat: false
}

// A preimage proves a payment, and does not show itself.
func ExamplePreimage() {
	hash, _ := payments.ParseHash("66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925")
	p := payments.Payment{Hash: hash, State: payments.PaySucceeded, Preimage: payments.Preimage{}}
	fmt.Printf("%v %d\n", p.Preimage, p.Preimage)
	fmt.Println("proven:", p.Preimage.Hash() == p.Hash)
	// Output:
	// REDACTED REDACTED
	// proven: true
}

// An order is charged once, however often it is asked for, and its payment is
// told until the shop took it.
func ExampleTill() {
	ctx, stop := context.WithCancel(context.Background())
	network := sandbox.New(payments.NewMemoryKV(), sandbox.Options{})
	wallet, _ := network.Wallet(ctx, "shop")
	customer, _ := network.Wallet(ctx, "customer")

	till := payments.NewTill(wallet, payments.NewMemoryKV(), payments.TillOptions{})
	till.OnChange(func(_ context.Context, c payments.Change) error {
		fmt.Println(c.ID, c.Event, c.Invoice.Received)
		stop() // the example ends here
		return nil
	})

	inv, _ := till.Charge(ctx, payments.Charge{Key: "order-42", Amount: 900 * payments.Sat})
	again, _ := till.Charge(ctx, payments.Charge{Key: "order-42", Amount: 900 * payments.Sat})
	fmt.Println("one invoice:", inv.Bolt11 == again.Bolt11)
	_, _ = customer.Pay(ctx, payments.PayRequest{Bolt11: inv.Bolt11, Amount: inv.Amount})
	fmt.Println(till.Run(ctx))
	// Output:
	// one invoice: true
	// order-42.1 paid 900 sat
	// <nil>
}

func ExampleKV() {
	ctx, kv := context.Background(), payments.NewMemoryKV()
	made, _ := kv.Put(ctx, "cursor", []byte("41"), 0)
	value, rev, _ := kv.Get(ctx, "cursor")
	fmt.Printf("%v %s at %d\n", made, value, rev)

	first, _ := kv.Put(ctx, "cursor", []byte("42"), rev)
	second, _ := kv.Put(ctx, "cursor", []byte("43"), rev)
	fmt.Println(first, second)
	// Output:
	// true 41 at 1
	// true false
}
