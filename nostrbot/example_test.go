package nostrbot_test

import (
	"context"
	"fmt"

	"github.com/dmshop/dmshop/nostrbot"
)

// A handler is a function; a test calls it without a bot.
func Example_handler() {
	greet := func(_ context.Context, m *nostrbot.Message) error {
		m.Replyf("hello, you said %q", m.Text)
		return nil
	}
	m := nostrbot.NewMessage(nostrbot.PubKey{1}, "id", "hi")
	if err := greet(context.Background(), m); err != nil {
		panic(err)
	}
	fmt.Println(m.Replies())
	// Output: [hello, you said "hi"]
}

// State is typed, kept per customer, and saved together with the replies.
func ExampleWithState() {
	type visits struct{ N int }
	visit := nostrbot.WithState("visits", func(_ context.Context, c *nostrbot.Chat[visits]) error {
		c.State.N++
		c.Replyf("visit %d", c.State.N)
		return nil
	})
	m := nostrbot.NewMessage(nostrbot.PubKey{1}, "id", "hi")
	for range 2 {
		if err := visit(context.Background(), m); err != nil {
			panic(err)
		}
	}
	fmt.Println(m.Replies())
	// Output: [visit 1 visit 2]
}

// Commands are declared; help is made from the declarations.
func ExampleBot_Command() {
	bot, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec("0000000000000000000000000000000000000000000000000000000000000001"),
		Relays: []string{"wss://relay.example"},
	})
	if err != nil {
		panic(err)
	}
	bot.Command("menu [CC]", "countries, or one country's operators", nostrbot.Say("..."))
	bot.Command("buy SKU", "choose an operator", nostrbot.Say("..."))
	bot.Command("confirm|yes|y|ok", "go ahead", nostrbot.Say("..."))
	fmt.Println(bot.Help())
	// Output:
	// /menu [CC] - countries, or one country's operators
	// /buy SKU - choose an operator
	// /confirm - go ahead
}

// A key never shows itself, and one that cannot be used is named by New.
func ExampleNsec() {
	fmt.Println(nostrbot.Nsec("0000000000000000000000000000000000000000000000000000000000000001"))
	_, err := nostrbot.New(nostrbot.Config{Signer: nostrbot.Nsec("secret!"), Relays: []string{"wss://relay.example"}})
	fmt.Println(err)
	// Output:
	// key of npub10xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqpkge6d
	// nostrbot: Signer: not a secret key: want nsec1... or 64 hex digits
}
