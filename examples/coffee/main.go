// Command coffee sells coffee over Nostr DMs, for the pretended money of a sandbox.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/sandbox"
)

var menu = map[string]payments.Msat{"espresso": 900 * payments.Sat, "latte": 1500 * payments.Sat}

type order struct{ Drink string } // what is remembered of one between two messages

// open declares the shop's one flow, and what becomes of the money.
func open(bot *nostrbot.Bot, till *payments.Till) {
	pick := func(ctx context.Context, c *nostrbot.Chat[order]) (nostrbot.Next, error) {
		price, ok := menu[c.Text]
		if !ok {
			return nostrbot.Again, nil
		}
		inv, err := till.Charge(ctx, payments.Charge{Key: c.Key, Amount: price, Memo: c.Text})
		if err != nil {
			return nostrbot.Next{}, err // nothing is kept or said, and the message is tried again
		}
		c.State.Drink = c.Text
		c.Replyf("%s: %v\n%s", c.Text, price, inv.Bolt11)
		return nostrbot.Go("pay"), nil
	}
	brew := func(_ context.Context, c *nostrbot.Chat[order]) (nostrbot.Next, error) {
		c.Replyf("Paid! Your %s is coming.", c.State.Drink)
		return nostrbot.Done, nil
	}
	unpaid := func(_ context.Context, c *nostrbot.Chat[order]) (nostrbot.Next, error) {
		c.Reply("Nothing was paid. Try /order again.")
		return nostrbot.Stay, nil // money may still come late
	}
	orders := nostrbot.NewFlow("order",
		nostrbot.Step[order]{Name: "pick", Prompt: "espresso (900 sat) or latte (1500 sat)?", Text: pick},
		nostrbot.Step[order]{Name: "pay", Prompt: "I brew as soon as it is paid.", NoBack: true, OnCancel: unpaid, On: nostrbot.Signals[order]{
			string(payments.Paid): brew, string(payments.PaidOver): brew, string(payments.PaidLate): brew, string(payments.Unpaid): unpaid}},
	)
	bot.Flow("order", "order a coffee", orders)
	// A change that no order takes is told again and logged: no money is dropped.
	till.OnChange(func(ctx context.Context, c payments.Change) error { return orders.Signal(ctx, c.Key, string(c.Event)) })
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	store := must(sqlitestore.Open("coffee.db"))
	defer func() { _ = store.Close() }()
	wallet := must(sandbox.New(store, sandbox.Options{}).Wallet(ctx, "coffee")) // or any other payments.Provider
	bot := must(nostrbot.New(nostrbot.Config{Signer: nostrbot.Nsec(os.Getenv("BOT_NSEC")), Relays: []string{os.Getenv("NOSTR_RELAY")}, Store: store}))
	till := payments.NewTill(wallet, store, payments.TillOptions{})
	open(bot, till)
	if err := bot.Run(ctx, till); err != nil { // the till opens and closes with the bot
		log.Fatal(err)
	}
}
