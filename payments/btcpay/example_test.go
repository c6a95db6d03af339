package btcpay_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/btcpay"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
	"github.com/dmshop/dmshop/payments/sandbox"
)

// exampleStore is a double of a store, and the wallet of a customer.
func exampleStore(ctx context.Context) (*btcpaytest.Server, *sandbox.Wallet) {
	network := sandbox.New(payments.NewMemoryKV(), sandbox.Options{})
	node, err := network.Wallet(ctx, "store")
	if err != nil {
		log.Fatal(err)
	}
	customer, err := network.Wallet(ctx, "customer")
	if err != nil {
		log.Fatal(err)
	}
	return btcpaytest.New(btcpaytest.Options{Wallet: node}), customer
}

func ExampleNew() {
	ctx := context.Background()
	server, customer := exampleStore(ctx)
	defer server.Close()

	wallet, err := btcpay.New(btcpay.Config{
		URL:     server.URL(), // "https://btcpay.example"
		StoreID: btcpaytest.StoreID,
		APIKey:  btcpaytest.APIKey,
		Network: bolt11.Regtest,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer wallet.Close()
	inv, err := wallet.CreateInvoice(ctx, payments.Charge{Key: "order-42", Amount: 900 * payments.Sat, Memo: "one coffee"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(inv.Status)

	if _, err := customer.Pay(ctx, payments.PayRequest{Bolt11: inv.Bolt11, Amount: inv.Amount}); err != nil {
		log.Fatal(err)
	}
	if inv, err = wallet.LookupInvoice(ctx, inv.ID); err != nil {
		log.Fatal(err)
	}
	fmt.Println(inv.Status, inv.Received)
	// Output:
	// open
	// settled 900 sat
}

// A shop's test of its endpoint needs no server.
func ExampleWallet_VerifyWebhook() {
	wallet, err := btcpay.New(btcpay.Config{
		URL: "https://btcpay.example", StoreID: btcpaytest.StoreID, APIKey: "key", Network: bolt11.Mainnet,
		WebhookSecrets: []btcpay.WebhookSecret{"new", "old"}, // while they are rotated
	})
	if err != nil {
		log.Fatal(err)
	}
	event := btcpaytest.Event{Type: "InvoiceSettled", Invoice: "HMprBnL9BTXWuPvpoKBS6e", Delivery: "second", Original: "first"}
	request, err := event.Request("https://shop.example/btcpay", "old")
	if err != nil {
		log.Fatal(err)
	}
	notices, err := wallet.VerifyWebhook(request.Header, event.Body(), time.Now())
	fmt.Println(notices[0].ID, notices[0].Delivery, err)

	_, err = wallet.VerifyWebhook(http.Header{}, event.Body(), time.Now())
	fmt.Println(err)
	// Output:
	// HMprBnL9BTXWuPvpoKBS6e first <nil>
	// btcpay: verify webhook: not authorised: no signature, or none that can be read [not applied]
}
