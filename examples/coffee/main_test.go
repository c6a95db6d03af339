package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/paymentstest"
	"github.com/dmshop/dmshop/payments/sandbox"
)

// Two buyers: alice pays in time, also across a crash of the shop; bob pays
// late, and that is coffee as well.
func TestCoffee(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	network := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: net.Clock.Now})
	shop, err := network.Wallet(t.Context(), "coffee")
	require.NoError(t, err)
	customer, err := network.Wallet(t.Context(), "customer")
	require.NoError(t, err)
	wallet := paymentstest.NewFaults(shop)
	store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "coffee.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })

	var till *payments.Till
	bot := net.Bot(t, func(b *nostrbot.Bot) {
		till = payments.NewTill(wallet, store, payments.TillOptions{Clock: net.Clock})
		open(b, till)
	}, func(c *nostrbot.Config) { c.Store = store })
	stop := run(t, till)

	alice, bob := net.User(t, "alice"), net.User(t, "bob")
	menu := "espresso (900 sat) or latte (1500 sat)?"
	alice.Says("/order").Hears(menu)
	bob.Says("/order").Hears(menu)
	alice.Says("tea").Hears(menu)
	alices := ordered(t, alice, "latte", "latte: 1500 sat\n")
	bobs := ordered(t, bob, "espresso", "espresso: 900 sat\n")

	stop()
	bot.Crash()
	_, err = customer.Pay(t.Context(), payments.PayRequest{Bolt11: alices.Bolt11, Amount: alices.Amount})
	require.NoError(t, err)
	bot.Start()
	run(t, till)
	alice.Hears("Paid! Your latte is coming.").HearsNothing()
	bob.HearsNothing()

	net.Clock.Advance(2 * time.Hour)
	bob.Hears("Nothing was paid. Try /order again.").HearsNothing()
	at := net.Clock.Now()
	wallet.Amend(bobs.ID, func(i *payments.Invoice) {
		i.Status, i.Received, i.Late, i.SettledAt = payments.Settled, i.Amount, true, at
	})
	net.Clock.Advance(time.Hour)
	bob.Hears("Paid! Your espresso is coming.").HearsNothing()
	alice.HearsNothing()
}

// ordered orders, and reads the invoice.
func ordered(t *testing.T, u *nostrbottest.User, drink, answer string) payments.Invoice {
	t.Helper()
	heard := u.Says(drink).HearsMatch(`^` + answer + `lnbcrt`)
	_, text, _ := strings.Cut(heard.Last().Text, "\n")
	u.Hears("I brew as soon as it is paid.")
	inv, err := bolt11.Decode(text, bolt11.Regtest)
	require.NoError(t, err)
	hash := payments.Hash(inv.Hash)
	return payments.Invoice{ID: hash.String(), Bolt11: text, Amount: payments.Msat(inv.AmountMsat)}
}

// run opens the till, until stop is called or the test ends.
func run(t *testing.T, till *payments.Till) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- till.Run(ctx); close(done) }()
	stop = func() {
		cancel()
		require.NoError(t, <-done)
	}
	t.Cleanup(stop)
	return stop
}

// A newcomer reads it on one screen and a half.
func TestLength(t *testing.T) {
	t.Parallel()
	code, err := os.ReadFile("main.go")
	require.NoError(t, err)
	lines := 0
	for line := range strings.Lines(string(code)) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	require.LessOrEqual(t, lines, 65)
}
