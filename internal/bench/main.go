//go:build linux

// Command bench measures what a bot costs, and fails when it costs more than
// budget.txt allows. Run it by "make bench"; it takes about three minutes.
//
// It plays the load: relays of package devrelay and customers whose gift wraps
// are ready before anything is measured. The bots are processes of their own
// (this program again, as "bench bot"), with nothing set that a bot does not
// have by default, and their CPU time and memory are what the kernel says they
// used: parsing, cryptography, session, store, sockets, garbage collection, all
// of it. Another process does nothing but the cryptography of the same exchange
// with go-nostr ("bench bare").
//
// Rounds of all of them alternate, and each figure is the median of its rounds,
// so that whatever else runs on the machine meets all alike. That holds for CPU
// time and its ratios. Latencies are times on the wall, and mean something on a
// quiet machine only. The relay takes events without verifying them, so that it
// is less in the bot's way.
//
// After the rounds a part of the replies is decrypted and compared: each must
// be there once, in order, and count what the customer's session counted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "bot":
			return runBot(ctx, args[1:])
		case "bare":
			return runBare()
		}
	}
	var p plan
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&p.withC, "c", "", "a bench built with cgo and the tag secp256k1, to be measured too")
	flags.BoolVar(&p.redis, "redis", false, "measure the default build on a redis-server too, started for it")
	flags.StringVar(&p.budget, "budget", "internal/bench/budget.txt", "the budget file")
	flags.StringVar(&p.profile, "profile", "", "write CPU profiles of the bots into this directory")
	flags.IntVar(&p.rounds, "rounds", 7, "rounds; each figure is the median of them")
	flags.IntVar(&p.messages, "messages", 600, "messages per round and bot")
	flags.IntVar(&p.known, "known", 100_000, "customers that the larger store knows")
	if err := flags.Parse(args); err != nil {
		return err
	}
	budget, err := readBudget(p.budget)
	if err != nil {
		return err
	}
	figures, err := p.measure(ctx)
	if err != nil {
		return err
	}
	if !report(os.Stdout, figures, budget) {
		return errors.New("over budget")
	}
	return nil
}
