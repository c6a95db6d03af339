// Command btcrecharge is a shop for mobile top-ups: customers order by
// encrypted Nostr DM and pay over Lightning.
//
//	btcrecharge demo     everything on this machine, with you as the customer
//	btcrecharge run      the shop
//	btcrecharge relay    the embedded relay alone
//	btcrecharge chat     a customer's terminal against any bot
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Demo  demoCmd  `cmd:"" help:"A whole shop on this machine, with you as the customer. Nothing to set up, no real money."`
	Run   runCmd   `cmd:"" help:"The shop: bot, payments and delivery in one process."`
	Relay relayCmd `cmd:"" help:"The embedded Nostr relay alone. It keeps events in memory."`
	Chat  chatCmd  `cmd:"" help:"A customer's terminal against any bot."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := kong.Parse(&cli{}, kong.Name("btcrecharge"),
		kong.Description("Mobile top-ups by Nostr DM, paid over Lightning."),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "btcrecharge: "+err.Error())
		stop()
		os.Exit(1)
	}
}
