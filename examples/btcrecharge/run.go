package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/dmshop/dmshop/examples/btcrecharge/internal/catalog"
	"github.com/dmshop/dmshop/examples/btcrecharge/internal/demo"
	"github.com/dmshop/dmshop/examples/btcrecharge/internal/orders"
	"github.com/dmshop/dmshop/examples/btcrecharge/internal/shop"
	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
	"github.com/dmshop/dmshop/payments/bolt11"
	suppliersandbox "github.com/dmshop/dmshop/payments/order/sandbox"
	"github.com/dmshop/dmshop/payments/sandbox"
)

type runCmd struct {
	BotNsec     string     `env:"BOT_NSEC" required:"" placeholder:"NSEC" help:"The bot's key, nsec1... or 64 hex digits."`
	NostrRelays []string   `env:"NOSTR_RELAYS" placeholder:"URL,..." default:"wss://relay.damus.io,wss://nos.lol,wss://relay.snort.social,wss://relay.primal.net,wss://offchain.pub" help:"Relays, comma-separated."`
	Store       string     `env:"STORE" default:"sqlite:btcrecharge.db" help:"Where conversations and orders are kept: sqlite:FILE."`
	Payments    string     `env:"PAYMENTS" default:"sandbox" enum:"sandbox" help:"The wallet: sandbox (no real money)."`
	Supplier    string     `env:"SUPPLIER" default:"sandbox" enum:"sandbox" help:"Who delivers: sandbox (nothing is delivered)."`
	LogLevel    slog.Level `env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error."`

	InvoiceExpiry time.Duration `hidden:"" help:"The life of invoices; the wallet's default when zero."`
	SandboxWallet string        `hidden:"" default:"sandbox.db" help:"File of the sandbox wallet."`
	SandboxHosts  string        `hidden:"" help:"File of hosts on this machine that stand for others."`
	SandboxFail   string        `hidden:"" enum:",supplier" default:"" help:"What shall fail."`
	TiedToStdin   bool          `hidden:"" help:"Stop when standard input ends."`
}

func (c *runCmd) Run(ctx context.Context) error {
	if c.TiedToStdin {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		go func() {
			defer cancel()
			_, _ = io.Copy(io.Discard, os.Stdin) // however it ends
		}()
	}
	err := c.serve(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // asked to stop while it was starting
	}
	return err
}

func (c *runCmd) serve(ctx context.Context) error {
	file, ok := strings.CutPrefix(c.Store, "sqlite:")
	if !ok || file == "" {
		return fmt.Errorf("STORE is %q: give it as sqlite:FILE", c.Store)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))

	store, err := sqlitestore.Open(file)
	if err != nil {
		return err
	}
	defer closeLoudly(log, store)
	money, err := sqlitestore.Open(c.SandboxWallet)
	if err != nil {
		return err
	}
	defer closeLoudly(log, money)
	wallet, err := sandbox.New(money, sandbox.Options{}).Wallet(ctx, demo.ShopWallet)
	if err != nil {
		return err
	}
	hosts, err := demo.ReadHosts(c.SandboxHosts)
	if err != nil {
		return err
	}
	addresses, err := lnaddr.NewClient(lnaddr.Config{Network: bolt11.Regtest, Allow: hosts, Logger: log})
	if err != nil {
		return err
	}

	bot, err := nostrbot.New(nostrbot.Config{Signer: nostrbot.Nsec(c.BotNsec), Relays: c.NostrRelays, Store: store, Logger: log})
	if err != nil {
		return err
	}
	desk := &orders.Desk{
		Book:      orders.Book{KV: store},
		Wallet:    wallet,
		Supplier:  suppliersandbox.New(store, suppliersandbox.Faults{Refuse: c.SandboxFail == "supplier"}),
		Addresses: addresses,
		Poll:      100 * time.Millisecond,
		Expiry:    c.InvoiceExpiry,
		Log:       log,
	}
	counter := &shop.Shop{Catalog: catalog.Sandbox(), Desk: desk}
	desk.Tell = counter.Tell(bot)
	counter.Open(bot)
	log.Info("open", "npub", bot.PubKey().Npub(), "relays", c.NostrRelays)
	return bot.Run(ctx, desk)
}

func closeLoudly(log *slog.Logger, c io.Closer) {
	if err := c.Close(); err != nil {
		log.Error("close", "err", err)
	}
}
