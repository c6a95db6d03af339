package nostrbot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// A flow asks, checks, and goes on; the customer may go back.
func ExampleFlow() {
	type order struct{ Drink, Name string }
	pick := func(_ context.Context, c *nostrbot.Chat[order]) (nostrbot.Next, error) {
		if c.Text != "espresso" && c.Text != "latte" {
			return nostrbot.Again, nil
		}
		c.State.Drink = c.Text
		return nostrbot.Go("name"), nil
	}
	name := func(_ context.Context, c *nostrbot.Chat[order]) (nostrbot.Next, error) {
		c.Replyf("One %s for %s.", c.State.Drink, c.Text)
		return nostrbot.Done, nil
	}
	orders := nostrbot.NewFlow("order",
		nostrbot.Step[order]{Name: "pick", Prompt: "espresso or latte?", Text: pick},
		nostrbot.Step[order]{Name: "name", Prompt: "Which name shall I call?", Text: name},
	)

	shop := rehearse(func(bot *nostrbot.Bot) { bot.Flow("order", "order a coffee", orders) })
	defer shop.close()
	shop.says("/order")
	shop.says("tea")
	shop.says("latte")
	shop.says("back")
	shop.says("espresso")
	shop.says("Alice")
	// Output:
	// alice: /order
	//   bot: espresso or latte?
	// alice: tea
	//   bot: espresso or latte?
	// alice: latte
	//   bot: Which name shall I call?
	// alice: back
	//   bot: espresso or latte?
	// alice: espresso
	//   bot: Which name shall I call?
	// alice: Alice
	//   bot: One espresso for Alice.
}

// A signal reaches the run by its key, once, and no other run.
func ExampleFlow_Signal() {
	type order struct{ Drink string }
	var invoice string // what a wallet knows: the key that the invoice was made for
	pick := func(_ context.Context, c *nostrbot.Chat[order]) (nostrbot.Next, error) {
		invoice = c.Key
		c.State.Drink = c.Text
		c.Reply("lnbc9u1...")
		return nostrbot.Go("pay"), nil
	}
	brew := func(_ context.Context, c *nostrbot.Chat[order]) (nostrbot.Next, error) {
		c.Replyf("Paid! Your %s is coming.", c.State.Drink)
		return nostrbot.Done, nil
	}
	orders := nostrbot.NewFlow("order",
		nostrbot.Step[order]{Name: "pick", Prompt: "espresso or latte?", Text: pick},
		nostrbot.Step[order]{Name: "pay", Prompt: "I brew as soon as it is paid.", NoBack: true,
			On: nostrbot.Signals[order]{"settled": brew, "expired": nostrbot.End[order]("Too late. Try /order again.")}},
	)

	shop := rehearse(func(bot *nostrbot.Bot) { bot.Flow("order", "order a coffee", orders) })
	defer shop.close()
	shop.says("/order")
	shop.says("latte")
	ctx := context.Background()
	for range 2 { // a webhook may come twice
		fmt.Println("-- settled:", orders.Signal(ctx, invoice, "settled"))
		shop.print(shop.replies())
	}
	err := orders.Signal(ctx, "0123456789abcdef", "settled")
	fmt.Println("-- somebody else's:", errors.Is(err, nostrbot.ErrNoRun))
	// Output:
	// alice: /order
	//   bot: espresso or latte?
	// alice: latte
	//   bot: lnbc9u1...
	//   bot: I brew as soon as it is paid.
	// -- settled: <nil>
	//   bot: Paid! Your latte is coming.
	// -- settled: <nil>
	// -- somebody else's: true
}

// A step lasts as long as Within says. What then happens may be the author's.
func ExampleStep_timeout() {
	type order struct{ Reminded bool }
	remind := func(_ context.Context, c *nostrbot.Chat[order]) (nostrbot.Next, error) {
		if c.State.Reminded {
			c.Reply("I close now. Come back soon.")
			return nostrbot.Done, nil
		}
		c.State.Reminded = true
		c.Reply("Are you still there?")
		return nostrbot.Again, nil // ask again, and wait as long again
	}
	orders := nostrbot.NewFlow("order", nostrbot.Step[order]{
		Name: "pick", Prompt: "espresso or latte?", Text: nostrbot.End[order]("Coming."),
		Within: 15 * time.Minute, OnTimeout: remind,
	})

	shop := rehearse(func(bot *nostrbot.Bot) { bot.Flow("order", "order a coffee", orders) })
	defer shop.close()
	shop.says("/order")
	shop.waits(14 * time.Minute)
	shop.waits(time.Minute)
	shop.waits(15 * time.Minute)
	// Output:
	// alice: /order
	//   bot: espresso or latte?
	// -- 14m0s
	// -- 1m0s
	//   bot: Are you still there?
	//   bot: espresso or latte?
	// -- 15m0s
	//   bot: I close now. Come back soon.
}

// What an older version of the bot left in the Store goes on where it was.
func ExampleFlow_Version() {
	type orderV0 struct{ Drink string }
	before := nostrbot.NewFlow("order",
		nostrbot.Step[orderV0]{Name: "pick", Prompt: "espresso or latte?",
			Text: func(_ context.Context, c *nostrbot.Chat[orderV0]) (nostrbot.Next, error) {
				c.State.Drink = c.Text
				return nostrbot.Go("sure"), nil
			}},
		nostrbot.Step[orderV0]{Name: "sure", Prompt: "Sure?", Text: nostrbot.End[orderV0]("Coming.")},
	)

	type order struct{ Drinks []string } // several now, and a step has a better name
	after := nostrbot.NewFlow("order",
		nostrbot.Step[order]{Name: "pick", Prompt: "What may I bring?", Text: nostrbot.End[order]("...")},
		nostrbot.Step[order]{Name: "confirm", Prompt: "Shall I?",
			Text: func(_ context.Context, c *nostrbot.Chat[order]) (nostrbot.Next, error) {
				c.Replyf("Coming: %v", c.State.Drinks)
				return nostrbot.Done, nil
			}},
	).Version(1, func(old nostrbot.Stored) (string, order, error) {
		var o orderV0
		if err := json.Unmarshal(old.State, &o); err != nil {
			return "", order{}, err
		}
		step := old.Step
		if step == "sure" {
			step = "confirm"
		}
		return step, order{Drinks: []string{o.Drink}}, nil
	})

	shop := rehearse(func(bot *nostrbot.Bot) { bot.Flow("order", "order a coffee", before) })
	defer shop.close()
	shop.says("/order")
	shop.says("latte")
	fmt.Println("-- upgrade")
	shop.restart(func(bot *nostrbot.Bot) { bot.Flow("order", "order a coffee", after) })
	shop.says("yes")
	// Output:
	// alice: /order
	//   bot: espresso or latte?
	// alice: latte
	//   bot: Sure?
	// -- upgrade
	// alice: yes
	//   bot: Coming: [latte]
}
