package lnaddr_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/lnaddr/lnaddrtest"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// What a customer writes when asked where a refund should go.
func ExampleParse() {
	for _, text := range []string{"Alice@Wallet.example", "alice+tips@wallet.example", "lnurlp://wallet.example/alice", "my wallet"} {
		a, err := lnaddr.Parse(text)
		if err != nil {
			fmt.Println(lnaddr.CustomerText(err))
			continue
		}
		fmt.Println(a, "is asked at", a.Host())
	}
	// Output:
	// alice@wallet.example is asked at wallet.example
	// alice+tips@wallet.example is asked at wallet.example
	// lnurlp://wallet.example/alice is asked at wallet.example
	// that is not a Lightning address (like name@wallet.com) or LNURL.
}

// A refund: probe when the customer names the address, fetch when it is due.
func ExampleClient_Invoice() {
	ctx := context.Background()
	srv, err := lnaddrtest.Serve(lnaddrtest.Service{Host: "wallet.example", Max: 50_000_000, Invoice: sign})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client, err := lnaddr.NewClient(lnaddr.Config{
		Network: bolt11.Regtest,
		Allow:   []lnaddr.Host{srv.Host()}, // this sandbox only
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseIdle()

	addr, err := lnaddr.Parse("alice@wallet.example")
	if err != nil {
		log.Fatal(err)
	}
	params, err := client.Resolve(ctx, addr)
	fmt.Println(params.About, err)
	fmt.Println(lnaddr.CustomerText(params.Accepts(90_000_000)))

	inv, err := client.Invoice(ctx, addr, 21_000_000, "refund of order 42")
	fmt.Println(inv.Bolt11[:6], inv.AmountMsat, err)
	// Output:
	// Payment to alice@wallet.example <nil>
	// that address takes 1 to 50000 sat only.
	// lnbcrt 21000000 <nil>
}

// sign plays alice's wallet.
func sign(_ context.Context, _ string, amountMsat int64) (string, error) {
	key, err := bolt11.NewKey()
	if err != nil {
		return "", err
	}
	now := time.Now().UTC().Truncate(time.Second)
	return bolt11.Sign(bolt11.Invoice{
		Network: bolt11.Regtest, AmountMsat: amountMsat,
		Hash: sha256.Sum256([]byte("alice's preimage")), Secret: [32]byte{1},
		CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}, key)
}

// What went wrong, for the shop and for the customer.
func ExampleError() {
	err := error(&lnaddr.Error{
		Step: lnaddr.StepFetch, Kind: lnaddr.ErrRefused, Host: "wallet.example", Reason: "this account is closed",
	})
	fmt.Println(err)
	fmt.Println(lnaddr.CustomerText(err))
	fmt.Println("try later:", errors.Is(err, lnaddr.ErrUnreachable))
	// Output:
	// lnaddr: ask for an invoice (wallet.example): refused by the service
	// the wallet service behind that address refused, saying: "this account is closed".
	// try later: false
}
