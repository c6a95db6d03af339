package nostrbottest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/dmshop/dmshop/nostrbot"
)

// Bot is a bot that can be stopped, killed and started again on the same
// Store. The embedded one is that of the last start, with what it offers
// (Send, Do, Health); it is another one after each Start.
//
// Start, Stop and Crash belong to one goroutine, the test's.
type Bot struct {
	*nostrbot.Bot

	t     testing.TB
	net   *Net
	key   nostrbot.PubKey
	cfg   nostrbot.Config
	store nostrbot.Store
	wire  func(*nostrbot.Bot)

	mu    sync.Mutex
	lives []*life // the last is the present one
	armed Point   // "" is none
}

// life is a bot from its start to its end.
type life struct {
	bot    *nostrbot.Bot
	link   *link
	store  *mortal
	cancel context.CancelCauseFunc
	once   sync.Once
	dead   chan struct{} // closed by crash
	ended  chan struct{} // closed when Run returned, with err
	err    error
}

// Bot makes a bot with the key of "bot" on all relays, starts it, and stops it
// at the end of the test. wire declares what it answers, as the author's own
// program would; it is called for each start. configure may change the
// configuration, but leave the Clock alone: the net's is set already.
//
// It publishes no relay lists and no canaries unless configured, so that faults
// hit what the test means. The Store is [nostrbot.NewMemory] unless configured,
// and outlives crashes. Whatever Store it is, the bot gets it in a wrapper that
// fails once the bot is dead.
//
// It returns without waiting for the relays; they keep what is said meanwhile.
func (n *Net) Bot(t testing.TB, wire func(*nostrbot.Bot), configure ...func(*nostrbot.Config)) *Bot {
	t.Helper()
	cfg := nostrbot.Config{
		Signer: nostrbot.Nsec(n.Key(botName)),
		Relays: n.URLs(),
		Clock:  n.Clock,
		// What the bot publishes is what the test makes it say.
		NoLists: true,
		Canary:  -1,
		Logger:  slog.New(slog.NewTextHandler(&n.log, nil)),
	}
	for _, c := range configure {
		c(&cfg)
	}
	b := &Bot{t: t, net: n, cfg: cfg, store: cfg.Store, wire: wire}
	if b.store == nil {
		b.store = nostrbot.NewMemory()
	}
	t.Cleanup(b.end)
	b.Start()
	n.mu.Lock()
	n.bots = append(n.bots, b)
	n.mu.Unlock()
	return b
}

// Start starts the bot again after Stop or a crash.
func (b *Bot) Start() {
	b.t.Helper()
	if b.running() {
		b.t.Fatal("nostrbottest: Start: the bot is running; Stop or Crash it first")
	}
	if b.present() != nil {
		b.net.script.note("bot started")
	}
	l := &life{link: &link{}, dead: make(chan struct{}), ended: make(chan struct{})}
	cfg := b.cfg
	cfg.Client = l.link.client()
	cfg.Store, l.store = b.mortalStore(l)
	bot, err := nostrbot.New(cfg)
	if err != nil {
		b.t.Fatalf("nostrbottest: %v", err)
	}
	bot.Use(answerFences)
	b.wire(bot)
	var ctx context.Context
	ctx, l.cancel = context.WithCancelCause(context.Background())
	l.bot, b.Bot, b.key = bot, bot, bot.PubKey()
	b.mu.Lock()
	b.lives = append(b.lives, l)
	b.mu.Unlock()
	go func() {
		defer close(l.ended)
		l.err = bot.Run(ctx)
		if ctx.Err() == nil {
			b.net.botEnded(errors.Join(l.err, errors.New("Run returned")))
		}
	}()
}

// Stop stops the bot as an interrupt does: what is being handled is finished,
// replies leave. Stopping a bot that is down does nothing.
func (b *Bot) Stop() {
	b.t.Helper()
	if !b.running() {
		return
	}
	b.net.script.note("bot stopped")
	b.halt()
}

func (b *Bot) halt() {
	b.t.Helper()
	l := b.present()
	l.cancel(nil)
	if err := b.net.await(l.ended); err != nil {
		b.t.Errorf("nostrbottest: the bot does not stop: %v", err)
	}
}

// present is the life that was begun last.
func (b *Bot) present() *life {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lives) == 0 {
		return nil
	}
	return b.lives[len(b.lives)-1]
}

// running says whether there is a bot that was neither stopped nor killed.
func (b *Bot) running() bool {
	l := b.present()
	if l == nil {
		return false
	}
	select {
	case <-l.dead:
		return false
	case <-l.ended:
		return false
	default:
		return true
	}
}

// bot finds one by its key, one that is running if there is.
func (n *Net) bot(key nostrbot.PubKey) *Bot {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found *Bot
	for _, b := range n.bots {
		if b.key == key && (found == nil || b.running()) {
			found = b
		}
	}
	return found
}

// end is the test's. What was killed has no right to be alive any more.
func (b *Bot) end() {
	if b.running() {
		b.halt()
	}
	for _, l := range b.lives {
		if err := b.net.await(l.ended); err != nil {
			b.t.Errorf("nostrbottest: a bot has not come to its end: does a handler outlive its context? %v", err)
		} else if l.err != nil {
			b.t.Errorf("nostrbottest: the bot ended with: %v", l.err)
		}
	}
}
