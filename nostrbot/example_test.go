package nostrbot_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	bot := exampleBot()
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

// Arguments have types; what does not fit is answered by the library.
func ExampleArg() {
	bot := exampleBot()
	nostrbot.ArgType(bot, "country", "a country such as RO", func(s string) (string, error) {
		if len(s) != 2 {
			return "", fmt.Errorf("%d letters", len(s))
		}
		return strings.ToUpper(s), nil
	})
	bot.Command("topup CC:country AMOUNT:int", "send credit", func(_ context.Context, m *nostrbot.Message) error {
		m.Replyf("%d for %s", nostrbot.Arg[int](m, "AMOUNT"), nostrbot.Arg[string](m, "CC"))
		return nil
	})
	for _, text := range []string{"topup ro 10", "topup ro ten", "topup romania 10", "/topup"} {
		m := nostrbot.NewMessage(nostrbot.PubKey{1}, "id", text)
		if err := bot.Answer(context.Background(), m); err != nil {
			panic(err)
		}
		fmt.Println(m.Replies()[0])
	}
	// Output:
	// 10 for RO
	// AMOUNT must be a whole number, such as 12. Usage: /topup CC AMOUNT
	// CC must be a country such as RO. Usage: /topup CC AMOUNT
	// Usage: /topup CC AMOUNT
}

// A group has middleware of its own, and a heading in the help.
func ExampleGroup() {
	bot := exampleBot()
	bot.Command("menu", "what I have", nostrbot.Say("coffee"))
	money := bot.Group(nostrbot.MaxAge(10*time.Minute, "")).Heading("These cost money:")
	money.Command("buy SKU", "order it", nostrbot.Say("ordered"))
	fmt.Println(bot.Help())

	late := nostrbot.NewMessage(nostrbot.PubKey{1}, "id", "buy coffee")
	late.SentAt = time.Now().Add(-time.Hour)
	if err := bot.Answer(context.Background(), late); err != nil {
		panic(err)
	}
	fmt.Println(late.Replies()[0])
	// Output:
	// /menu - what I have
	//
	// These cost money:
	// /buy SKU - order it
	// This reached me late, so I did nothing. If you still want it, please send it again.
}

// The library's own sentences, each of which Config.Texts may have in other
// words or languages.
func ExampleSentences() {
	for _, id := range slices.Sorted(maps.Keys(nostrbot.Sentences())) {
		fmt.Println(id)
	}
	// Output:
	// nostrbot.bad-argument
	// nostrbot.flow-back-words
	// nostrbot.flow-cancel-words
	// nostrbot.flow-cancelled
	// nostrbot.flow-help
	// nostrbot.flow-help-words
	// nostrbot.flow-no-back
	// nostrbot.flow-outdated
	// nostrbot.flow-timed-out
	// nostrbot.flow-too-many
	// nostrbot.help
	// nostrbot.not-allowed
	// nostrbot.sorry
	// nostrbot.too-fast
	// nostrbot.too-long
	// nostrbot.too-old
	// nostrbot.unknown
	// nostrbot.usage
	// nostrbot.want-int
	// nostrbot.want-npub
	// nostrbot.want-word
	// nostrbot.work-wanted
}

func exampleBot() *nostrbot.Bot {
	bot, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec("0000000000000000000000000000000000000000000000000000000000000001"),
		Relays: []string{"wss://relay.example"},
	})
	if err != nil {
		panic(err)
	}
	return bot
}
