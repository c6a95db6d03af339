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
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
)

// stores are what a bot can be measured with, by the name of the flag.
var stores = map[string]func(dsn string) (store nostrbot.Store, closer func() error, err error){
	"memory": func(string) (nostrbot.Store, func() error, error) {
		return nostrbot.NewMemory(), func() error { return nil }, nil
	},
	"sqlite": func(path string) (nostrbot.Store, func() error, error) {
		s, err := sqlitestore.Open(path)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	},
}

func openStore(name, dsn string) (nostrbot.Store, func() error, error) {
	open := stores[name]
	if open == nil {
		return nil, nil, fmt.Errorf("no store %q", name)
	}
	return open(dsn)
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
	dsn := flags.String("dsn", "", "path or URL of the store")
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
	store, closeStore, err := openStore(*kind, *dsn)
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
