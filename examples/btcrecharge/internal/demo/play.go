package demo

import (
	"context"
	"errors"
	"fmt"

	"github.com/dmshop/dmshop/examples/btcrecharge/internal/customer"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

const terminalHint = ":pay the last invoice · :address · :lnurl · :balance · :crash the bot · ctrl+c leave"

// Play shows a demo in the terminal until the customer leaves.
func Play(ctx context.Context, opts Options) (err error) {
	var screen *Screen
	ready := make(chan struct{})
	opts.Print = func(s string) {
		<-ready
		screen.Show(s)
	}
	w, err := Start(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	screen = Terminal{
		Title: "top-ups by DM, " + string(opts.Via) + ", sandbox",
		Hint:  terminalHint,
		Greeting: "You are the customer; the bot is " + w.npub + ".\n" +
			"Say hi, or begin with /menu RO. No real money moves.",
		Do: w.enter,
		Wallet: func(ctx context.Context) string {
			b, err := w.wallet.Balance(ctx)
			if err != nil {
				return "?"
			}
			return b.String()
		},
	}.Open(ctx)
	close(ready)
	return screen.Run()
}

// enter does what was typed; unlike a script it does not wait for the answer.
func (w *World) enter(ctx context.Context, entered string) (string, error) {
	l, more, err := parseLine(entered)
	switch {
	case err != nil:
		return "", err
	case more:
		return "", errors.New(":crash! wants a line after it, such as :crash! /confirm")
	case l.act == wait:
		return "", errors.New(":wait is for scripts")
	}
	switch l.act {
	case address:
		l.text = w.Address()
	case lnurl:
		l.text = w.LNURL()
	}
	shown := ""
	switch l.act {
	case say, address, lnurl:
		shown = indent("you", l.text)
		_, err = w.client.Say(ctx, l.text)
	case pay:
		amount, payErr := w.Pay(ctx)
		if shown, err = fmt.Sprintf("you paid %v", amount), payErr; err != nil {
			shown = ""
		}
	case balance:
		b, balErr := w.wallet.Balance(ctx)
		shown, err = "balance: "+b.String(), balErr
	case crash:
		shown, err = "the bot was killed and started again", w.crash()
	}
	if l.killed && err == nil {
		err = w.crash()
	}
	return shown, err
}

// Chat is a customer's terminal against any bot. An empty nsec makes a key for
// this chat only.
func Chat(ctx context.Context, relays []string, bot dm.PubKey, via dm.Protocol, nsec string) error {
	if nsec == "" {
		var err error
		if nsec, err = dm.GenerateKey(); err != nil {
			return err
		}
	}
	var client *customer.Client
	screen := Terminal{
		Title: "chat by " + string(via) + " with " + bot.Npub(),
		Hint:  "enter: send · ctrl+c leaves",
		Do: func(ctx context.Context, entered string) (string, error) {
			_, err := client.Say(ctx, entered)
			return indent("you", entered), err
		},
	}.Open(ctx)
	client, err := customer.New(customer.Config{
		Signer: dm.Nsec(nsec), Bot: bot, Relays: relays, Via: via,
		Hear: func(m dm.Message) { screen.Show(indent("bot", m.Text)) },
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	err = screen.Run()
	cancel()
	return errors.Join(err, <-done)
}
