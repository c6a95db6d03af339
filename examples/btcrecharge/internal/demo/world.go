// Package demo puts a whole shop on one machine: relay, bot, wallets, and a
// customer to play.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dmshop/dmshop/examples/btcrecharge/internal/customer"
	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/lnaddr/lnaddrtest"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/sandbox"
)

// ShopWallet is the name of the shop's wallet in the sandbox.
const (
	ShopWallet     = "shop"
	customerWallet = "customer"
	customerName   = "alice"
	customerHost   = "wallet.example"
)

// Options of a demo.
type Options struct {
	// Via is what the customer's client speaks.
	Via dm.Protocol
	// Expiry is the life of invoices.
	Expiry time.Duration
	// Fail is "supplier" to let the supplier refuse; else empty.
	Fail string
	// Print shows a line: each DM, and what the customer's wallet did.
	Print func(string)
}

// World is a running demo.
type World struct {
	client *customer.Client
	heard  customer.Transcript
	wallet *sandbox.Wallet
	bot    *process
	lnurl  *lnaddrtest.Server
	npub   string

	printing sync.Mutex
	show     func(string)
	closers  []func() error
}

// Start brings everything up. Close it in the end.
func Start(ctx context.Context, opts Options) (w *World, err error) {
	w = &World{show: opts.Print}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	dir, err := os.MkdirTemp("", "btcrecharge-demo-*")
	if err != nil {
		return w, fmt.Errorf("demo: %w", err)
	}
	w.onClose(func() error { return os.RemoveAll(dir) })

	relay, err := devrelay.Start("127.0.0.1:0", devrelay.Options{})
	if err != nil {
		return w, fmt.Errorf("demo: relay: %w", err)
	}
	w.onClose(relay.Close)
	if err := w.openWallet(ctx, filepath.Join(dir, "wallet.db")); err != nil {
		return w, err
	}
	hosts := filepath.Join(dir, "hosts.json")
	if err := writeHosts(hosts, w.lnurl.Host()); err != nil {
		return w, err
	}
	botKey, err := dm.GenerateKey()
	if err != nil {
		return w, fmt.Errorf("demo: %w", err)
	}
	if err := w.startBot(dir, botKey, relay.URL(), hosts, opts); err != nil {
		return w, err
	}
	return w, w.connect(ctx, botKey, relay.URL(), opts.Via)
}

// openWallet makes the customer's wallet, and the host of their Lightning
// address.
func (w *World) openWallet(ctx context.Context, file string) error {
	money, err := sqlitestore.Open(file)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	w.onClose(money.Close)
	w.wallet, err = sandbox.New(money, sandbox.Options{}).Wallet(ctx, customerWallet)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	w.lnurl, err = lnaddrtest.Serve(lnaddrtest.Service{
		Host: customerHost, Names: []string{customerName},
		Invoice: func(ctx context.Context, _ string, msat int64) (string, error) {
			inv, err := w.wallet.CreateInvoice(ctx, payments.Charge{Key: rand.Text(), Amount: payments.Msat(msat), Memo: "refund"})
			return inv.Bolt11, err
		},
	})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	w.onClose(w.lnurl.Close)
	return nil
}

func (w *World) startBot(dir, key, relayURL, hosts string, opts Options) error {
	w.bot = &process{
		log: filepath.Join(dir, "bot.log"),
		args: []string{
			"run", "--tied-to-stdin", "--invoice-expiry", opts.Expiry.String(),
			"--sandbox-wallet", filepath.Join(dir, "wallet.db"), "--sandbox-hosts", hosts, "--sandbox-fail", opts.Fail,
		},
		env: []string{
			"BOT_NSEC=" + key, "NOSTR_RELAYS=" + relayURL, "STORE=sqlite:" + filepath.Join(dir, "bot.db"),
			"PAYMENTS=sandbox", "SUPPLIER=sandbox", "LOG_LEVEL=info",
		},
	}
	if err := w.bot.start(); err != nil {
		return err
	}
	w.onClose(func() error {
		err := w.bot.stop(15 * time.Second)
		if err != nil {
			err = fmt.Errorf("the bot: %w%s", err, w.botTrouble())
		}
		return err
	})
	return nil
}

// connect starts the customer's client.
func (w *World) connect(ctx context.Context, botKey, relayURL string, via dm.Protocol) error {
	bot, err := dm.Nsec(botKey).PubKey()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	w.npub = bot.Npub()
	key, err := dm.GenerateKey()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	w.client, err = customer.New(customer.Config{
		Signer: dm.Nsec(key), Bot: bot, Relays: []string{relayURL}, Via: via,
		Hear: func(m dm.Message) {
			w.print(indent("bot", m.Text)) // shown before it is waited for
			w.heard.Hear(m)
		},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	var ended error
	running.Go(func() { ended = w.client.Run(ctx) })
	w.onClose(func() error { cancel(); running.Wait(); return ended })
	return nil
}

// Close stops everything, the last first, and removes the files.
func (w *World) Close() error {
	var errs []error
	for _, c := range slices.Backward(w.closers) {
		errs = append(errs, c())
	}
	w.closers = nil
	return errors.Join(errs...)
}

func (w *World) onClose(f func() error) { w.closers = append(w.closers, f) }

func (w *World) print(s string) {
	w.printing.Lock()
	defer w.printing.Unlock()
	w.show(s)
}

var invoicePattern = regexp.MustCompile(`\blnbcrt[0-9a-z]+\b`)

// ErrNoInvoice is returned by Pay when the bot sent no invoice so far.
var ErrNoInvoice = errors.New("there is no invoice to pay: the bot sent none so far")

// Pay pays the last invoice that the bot sent, out of the customer's wallet.
func (w *World) Pay(ctx context.Context) (payments.Msat, error) {
	for _, m := range slices.Backward(w.heard.All()) {
		found := invoicePattern.FindAllString(m.Text, -1)
		if len(found) == 0 {
			continue
		}
		pr := found[len(found)-1]
		inv, err := bolt11.Decode(pr, bolt11.Regtest)
		if err != nil {
			return 0, err
		}
		amount := payments.Msat(inv.AmountMsat)
		_, err = w.wallet.Pay(ctx, payments.PayRequest{Bolt11: pr, Amount: amount})
		return amount, err
	}
	return 0, ErrNoInvoice
}

// Address is the customer's Lightning address.
func (w *World) Address() string { return w.lnurl.Address(customerName).String() }

// LNURL is the same destination as bech32 (LUD-01).
func (w *World) LNURL() string { return w.lnurl.LNURL(customerName) }

// botTrouble is the end of the bot's log, for an error message.
func (w *World) botTrouble() string {
	raw, err := os.ReadFile(w.bot.log)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	var telling []string
	for _, l := range lines {
		if strings.Contains(l, "level=WARN") || strings.Contains(l, "level=ERROR") || !strings.Contains(l, "level=") {
			telling = append(telling, l)
		}
	}
	if len(telling) == 0 {
		return ""
	}
	return "\nthe bot's log ends with:\n  " + strings.Join(telling[max(0, len(telling)-5):], "\n  ")
}

func writeHosts(file string, hosts ...lnaddr.Host) error {
	raw, err := json.Marshal(hosts)
	if err != nil {
		return fmt.Errorf("demo: hosts: %w", err)
	}
	return os.WriteFile(file, raw, 0o600)
}

// ReadHosts reads the hosts that stand for others in a sandbox; none when file
// is empty.
func ReadHosts(file string) ([]lnaddr.Host, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("sandbox hosts: %w", err)
	}
	var hosts []lnaddr.Host
	if err := json.Unmarshal(raw, &hosts); err != nil {
		return nil, fmt.Errorf("sandbox hosts: %w", err)
	}
	return hosts, nil
}
