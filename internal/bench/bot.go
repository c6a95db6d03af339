//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/redisstore"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
)

// openStore opens the store of a subject's kind.
func openStore(ctx context.Context, kind, dsn string) (nostrbot.Store, func() error, error) {
	switch kind {
	case "sqlite":
		s, err := sqlitestore.Open(dsn)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	case "redis":
		url, prefix, _ := strings.Cut(dsn, "#")
		s, err := redisstore.Open(ctx, url, prefix)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	return nil, nil, fmt.Errorf("no store %q", kind)
}

// cart is the session that each message loads and saves.
type cart struct {
	Count int            `json:"count"` // of this customer's messages
	Step  string         `json:"step"`
	Items map[string]int `json:"items"`
}

// menu is longer than any answer.
var menu = strings.Repeat("An espresso is 900 sat, a latte is 1500. ", 20)

// answer is the reply to a customer's n-th message, of 600 bytes.
func answer(n int) string {
	s := fmt.Sprintf("Answer %d. ", n)
	return s + menu[:600-len(s)]
}

// runBot is the process that is measured: a bot with a session, until standard
// input ends. See serveControl for what it is asked there.
func runBot(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench bot", flag.ContinueOnError)
	relay := flags.String("relay", "", "URL of the relay")
	kind := flags.String("store", "sqlite", "kind of store")
	dsn := flags.String("dsn", "", "path of the file, or URL#prefix")
	profile := flags.String("cpuprofile", "", "file for a CPU profile of the whole run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	store, closeStore, err := openStore(ctx, *kind, *dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	bot, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec(os.Getenv(keyEnv)), Relays: []string{*relay}, Store: store,
	})
	if err != nil {
		return err
	}
	bot.Fallback(nostrbot.WithState("cart", func(_ context.Context, c *nostrbot.Chat[cart]) error {
		c.State.Count++
		c.State.Step = "pick"
		c.State.Items = map[string]int{"espresso": c.State.Count % 3, "latte": c.State.Count % 5}
		c.Reply(answer(c.State.Count))
		return nil
	}))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer stop()
		serveControl(func() error { return allSent(ctx, store) })
	}()
	return bot.Run(ctx)
}

// allSent returns when the outbox is empty: then the bot has done all that the
// messages so far cost.
func allSent(ctx context.Context, store nostrbot.Store) error {
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		waiting, err := store.Pending(ctx, nostrbot.PubKey{}, 1)
		if err != nil || len(waiting) == 0 {
			tick.Stop()
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
