package nostrbot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

// Config is what a bot is made of. Signer and Relays are required.
type Config struct {
	// Signer holds the bot's key; see [Nsec].
	Signer Signer
	// Relays are the bot's own: where it listens and, unless a customer's
	// relays are known, where it answers. wss:// or ws:// URLs.
	Relays []string
	// Store keeps conversations; nil means [NewMemory], which forgets at
	// exit. The bot does not close it.
	Store Store
	// Logger receives what happens, never a message's text nor a secret key;
	// customers' keys are shortened. The words of a conversation are cut out of
	// an error that a handler returns, too. nil discards.
	Logger *slog.Logger
	// Parallel is how many customers are served at once. Defaults to 64.
	Parallel int
	// Timeout ends one run of a handler. Defaults to one minute.
	Timeout time.Duration
	// Attempts is how often a message is handled when the handler fails or
	// panics, with growing pauses, before the customer is told Sorry and
	// the message counts as done. Defaults to 5.
	Attempts int
	// Sorry is what the customer hears then, a text or the id of one of Texts.
	// Defaults to the library's apology, which Texts may have, too.
	Sorry string
	// Texts are what the bot says in its customers' languages, the library's
	// own sentences included (see [Sentences]); nil leaves those in English.
	Texts Texts
	// Grace is how long Run waits for handlers and replies once its context
	// ends. Defaults to 10 seconds.
	Grace time.Duration
	// OnError hears each failed run of a handler; nil logs it. err is as the
	// handler returned it, and may hold what the handler put into it.
	OnError func(ctx context.Context, m *Message, err error)
	// DecryptBudget bounds what strangers' events may cost. Defaults to no
	// bound.
	DecryptBudget DecryptBudget
	// Hooks are told what happens; see [Hook].
	Hooks []Hook
	// Clock is what the bot goes by; nil means the machine's.
	Clock Clock
	// Lease is how long a customer waits when the process that worked for them
	// died, where several share a Store that is a [Claimer]; see there.
	// Defaults to 10 seconds.
	Lease time.Duration
	// Client dials the bot's Relays, through a proxy or with roots of your
	// own; nil means the system's settings. It must speak HTTP/1.1.
	Client *http.Client

	// Policy says by which protocol a customer is written to; the zero value
	// is [Auto].
	Policy Policy
	// GuestClient dials the relays that customers name in their lists, and
	// IndexRelays that are not the bot's own. Nil: a guard that connects to
	// public addresses only, by wss:// and on port 443, and refuses .onion.
	// One of your own must guard as much; with it, port and host are its
	// matter, wss:// is still asked for. It must speak HTTP/1.1.
	GuestClient *http.Client
	// IndexRelays are asked for customers' relay lists, beside Relays, and
	// told the bot's own lists. None by default.
	IndexRelays []string
	// MaxWork is the most proof of work, in bits, done for a relay that asks
	// for it (NIP-13); a customer's relay gets at most 20, and five
	// seconds. Defaults to 24, half a minute on one processor; negative is
	// none.
	MaxWork int
	// Expire asks relays and clients to forget each reply after so long
	// (NIP-40); zero does not.
	Expire time.Duration
	// SenderCopy sends what leaves by NIP-17 to the bot itself too, as clients
	// do to show what was sent. It is tried once, and never waited for.
	SenderCopy bool
	// NoLists leaves the bot's relay lists (kinds 10050 and 10002) alone. By
	// default they are published, and kept, as Relays: set this for a key
	// whose lists somebody else keeps.
	NoLists bool
	// Profile is published and kept as the bot's (kind 0); nil is left alone.
	Profile *Profile
	// Canary is how often the bot sends itself a message through each of
	// Relays, to notice one that is connected but deaf. Defaults to 5 minutes;
	// negative is never.
	Canary time.Duration
}

// ErrAbort is a cause with which to end Run's context (see
// [context.WithCancelCause]) when there is no time for a graceful stop: no
// handler and no reply is waited for. As after a crash, the Store and the
// relays know what is left to do, and the next start does it.
var ErrAbort = errors.New("nostrbot: aborted")

// Nsec is a key in this process: nsec1... (NIP-19) or 64 hex digits. It prints
// as REDACTED. A key that cannot be read is reported by [New].
func Nsec(key string) Signer { return dm.Nsec(key) }

// Bot is a bot. Declare what it answers with Use, Command and Fallback, then
// Run it once.
type Bot struct {
	cfg    Config
	log    *slog.Logger
	me     PubKey
	store  Store
	pool   *relay.Pool
	router router
	flows  flows

	declared atomic.Bool // nothing can be declared any more
	running  atomic.Bool
	started  chan struct{} // closed when Run is ready to serve
	boxes    mailboxes
	outbox   outbox
	hooks    hooks
	intake   intake
	alarm    alarm
	claims   claims
	writes   writes

	directory directory
	inbox     inbox
	canary    canary

	serving  context.Context // ends when Run is about to return; set before started
	handlers context.Context // parent of every handler's context, ends before serving; set before started
}

// New checks the whole configuration and names every fault at once. It opens
// no connection.
func New(cfg Config) (*Bot, error) {
	faults := cfg.check()
	cfg.setDefaults()
	b := &Bot{cfg: cfg, log: cfg.Logger, store: cfg.Store, started: make(chan struct{})}
	sockets := relay.Config{
		URLs:    cfg.Relays,
		Filters: func(now time.Time) []nostr.Filter { return dm.Inbox(b.me, now) },
		AsOf:    b.inbox.asOf,
		Deliver: b.received,
		Logger:  cfg.Logger,
		Client:  cfg.Client,
		OnUp:    b.relayUp,

		OnCaughtUp: b.intake.caughtUp,
	}
	b.hooks = hooks{all: cfg.Hooks, log: b.log}
	b.tellRelays(&sockets)
	if cfg.Signer != nil {
		var err error
		if b.me, err = cfg.Signer.PubKey(); err != nil {
			faults = append(faults, fmt.Errorf("Signer: %w", err))
		}
		sockets.Sign = cfg.Signer.Sign
	}
	own, errs := normalized("Relays", cfg.Relays)
	index, indexErrs := normalized("IndexRelays", cfg.IndexRelays)
	faults = append(append(faults, errs...), indexErrs...)
	if len(own) > 0 {
		var err error
		if sockets.GuestClient, err = cfg.guestClient(); err != nil {
			faults = append(faults, err)
		}
		if b.pool, err = relay.New(sockets); err != nil {
			faults = append(faults, fmt.Errorf("Relays: %w", err))
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("nostrbot: %w", errors.Join(faults...))
	}
	b.flows.byName = map[string]*flowCore{}
	b.directory.init(b, own, index)
	b.inbox.init(b)
	b.canary.init(b, own)
	b.router.init(b)
	b.boxes.init(b)
	b.outbox.init(b)
	b.claims.init(b)
	b.intake.init(b)
	b.alarm.init(b)
	return b, nil
}

func (c *Config) check() (faults []error) {
	if c.Signer == nil {
		faults = append(faults, errors.New("Signer is missing: set it to nostrbot.Nsec(key)"))
	}
	if len(c.Relays) == 0 {
		faults = append(faults, errors.New("Relays is empty: name at least one, such as wss://nos.lol"))
	}
	if min(c.Parallel, c.Attempts, int(c.Timeout), int(c.Grace), int(c.Lease)) < 0 {
		faults = append(faults, errors.New("Parallel, Attempts, Timeout, Grace or Lease is negative: leave it zero for the default"))
	}
	if c.Lease > 0 && c.Lease < minLease {
		faults = append(faults, fmt.Errorf("Lease is %v: give it %v at least, more than a message takes to the Store and back", c.Lease, minLease))
	}
	if err := c.DecryptBudget.check(); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, c.checkDelivery()...)
	return append(faults, checkHooks(c.Hooks)...)
}

func (c *Config) setDefaults() {
	if c.Store == nil {
		c.Store = NewMemory()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = redact(c.Logger)
	if c.Parallel == 0 {
		c.Parallel = 64
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	if c.Attempts == 0 {
		c.Attempts = 5
	}
	if c.Sorry == "" {
		c.Sorry = textSorry
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.Lease == 0 {
		c.Lease = 10 * time.Second
	}
	if c.Clock == nil {
		c.Clock = machineClock{}
	}
	if c.MaxWork == 0 {
		c.MaxWork = 24
	}
	if c.Canary == 0 {
		c.Canary = 5 * time.Minute
	}
}

// relayUp is told of guests too, which come and go with the parcels for them:
// those must not hasten each other.
func (b *Bot) relayUp(url string) {
	if slices.Contains(b.directory.own, url) {
		b.directory.relayUp()
		b.outbox.relayUp()
	}
}

// PubKey is who customers write to.
func (b *Bot) PubKey() PubKey { return b.me }

// Health tells how each relay leg stands. One whose canary did not come back
// is deaf, and not live; see [Config].Canary.
func (b *Bot) Health() []relay.Leg { return b.pool.Health() }

// Runner is something that lives and dies with a bot: it works until ctx ends.
//
// One that finds out at its start what happened while the bot was away (invoices
// that were paid) may also have the method CaughtUp() <-chan struct{}. Timeouts
// of flows then wait until that channel is closed, at most half a minute, so
// that what came in time is heard first.
type Runner interface {
	Run(ctx context.Context) error
}

// Run serves until ctx ends, together with the given runners. Then it stops
// taking messages, lets running handlers finish and their replies leave, at
// most for [Config].Grace, cancels what is left, and returns nil; with the cause
// [ErrAbort] it cancels at once. When it returns, no goroutine of the bot is left.
//
// What was not handled is not lost: it is on the relays still, and is handled
// at the next start, if the Store remembers.
//
// A runner that fails ends the run; its error is returned. Run may be called
// once.
func (b *Bot) Run(ctx context.Context, with ...Runner) error {
	if b.running.Load() {
		panic("nostrbot: Run: a bot runs once; make a new one")
	}
	b.finish()
	b.running.Store(true)
	call(&b.hooks, func(h HookStart) { h.OnStart(b) })

	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	serving, endServing := context.WithCancel(context.WithoutCancel(ctx))
	defer endServing()
	handlers, endHandlers := context.WithCancel(serving)
	defer endHandlers()
	b.serving, b.handlers = serving, handlers

	b.inbox.load(serving)
	var sockets, runners, chores sync.WaitGroup
	errs := make(chan error, len(with)+1)
	sockets.Go(func() {
		if err := b.pool.Run(serving); err != nil && serving.Err() == nil {
			err = fmt.Errorf("nostrbot: relays: %w", err)
			errs <- err
			fail(err)
		}
	})
	stopIntake := b.intake.run(handlers)
	b.claims.run(serving)
	b.outbox.run(serving)
	b.directory.run(serving, &chores)
	chores.Go(func() { b.inbox.run(serving) })
	chores.Go(func() { b.canary.run(serving) })
	chores.Go(func() { b.keepLists(serving) })
	close(b.started)
	runners.Go(func() { b.alarm.run(ctx, with) })
	for _, r := range with {
		runners.Go(func() {
			if err := r.Run(ctx); err != nil && ctx.Err() == nil {
				errs <- err
				fail(err)
			}
		})
	}

	<-ctx.Done()
	patience := b.cfg.Grace
	if errors.Is(context.Cause(ctx), ErrAbort) {
		patience = 0
	}
	grace, endGrace := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer endGrace()
	stopIntake()
	waitUntil(grace, &runners)
	b.boxes.close(grace)
	endHandlers()
	b.boxes.wait()
	b.outbox.drain(grace)
	b.inbox.end(grace)
	endServing()
	b.outbox.wait()
	chores.Wait()
	b.claims.close(min(patience, time.Second))
	runners.Wait()
	b.alarm.wait()
	sockets.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func waitUntil(ctx context.Context, wg *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
