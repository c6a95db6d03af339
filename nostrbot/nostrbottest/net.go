package nostrbottest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/nostrbot"
)

// Patience bounds each wait of this package. It is far longer than anything
// takes on a slow machine: only a test that fails gets to know it.
const Patience = 30 * time.Second

// botName is the bot that users write to unless told otherwise.
const botName = "bot"

// Net is a small Nostr of a test's own. Its methods are safe for concurrent
// use.
type Net struct {
	// Clock is what bots and users go by. Relays and sockets live in real
	// time.
	Clock *Clock
	// Relays are where they meet. Every bot and every user is on all of them.
	Relays []*Relay

	t      testing.TB
	script script
	log    tail

	mu    sync.Mutex
	names map[nostrbot.PubKey]string
	users map[nostrbot.PubKey]bool
	bots  []*Bot
	ended error
	end   chan struct{} // closed when a bot ended by itself, with ended
}

// Option changes what [New] makes.
type Option func(*options)

type options struct {
	relays int
	urls   []string
}

// Relays says how many relays there are, in place of one.
func Relays(n int) Option { return func(o *options) { o.relays = n } }

// Over uses relays that run already, such as those of another make, in place
// of our own. Faults cannot be switched on them.
func Over(urls ...string) Option { return func(o *options) { o.urls = urls } }

// New starts the relays. They are closed at the end of the test.
func New(t testing.TB, opts ...Option) *Net {
	t.Helper()
	o := options{relays: 1}
	for _, opt := range opts {
		opt(&o)
	}
	n := &Net{
		Clock: new(Clock),
		t:     t,
		names: map[nostrbot.PubKey]string{},
		users: map[nostrbot.PubKey]bool{},
		end:   make(chan struct{}),
	}
	for _, url := range o.urls {
		n.Relays = append(n.Relays, &Relay{net: n, url: url})
	}
	for i := 0; len(o.urls) == 0 && i < o.relays; i++ {
		n.Relays = append(n.Relays, n.startRelay(t))
	}
	if len(n.Relays) == 0 {
		t.Fatal("nostrbottest: New: a net needs a relay")
	}
	return n
}

// URLs are the relays' addresses, for the configuration of a bot that the test
// starts itself.
func (n *Net) URLs() []string {
	urls := make([]string, len(n.Relays))
	for i, r := range n.Relays {
		urls[i] = r.URL()
	}
	return urls
}

// Key is somebody's secret key, 64 hex digits fit for [nostrbot.Nsec]. The same
// name in the same test has the same key in every run. Net.Bot has the key of
// "bot".
func (n *Net) Key(name string) string {
	sum := sha256.Sum256([]byte("nostrbottest\x00" + n.t.Name() + "\x00" + name))
	key := hex.EncodeToString(sum[:])
	pub, err := nostrbot.Nsec(key).PubKey()
	if err != nil { // one in 2^128
		panic("nostrbottest: Key: " + err.Error())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[pub] = name
	return key
}

// PubKey is the public half of Key.
func (n *Net) PubKey(name string) nostrbot.PubKey {
	pub, err := nostrbot.Nsec(n.Key(name)).PubKey()
	if err != nil {
		panic("nostrbottest: PubKey: " + err.Error())
	}
	return pub
}

// isReply tells a DM that a bot sent from one that a user sent.
func (n *Net) isReply(ev *nostr.Event) bool {
	to := ev.Tags.Find("p")
	if to == nil || ev.Kind != nostr.KindEncryptedDirectMessage && ev.Kind != nostr.KindGiftWrap {
		return false
	}
	pub, err := nostrbot.ParsePubKey(to[1])
	n.mu.Lock()
	defer n.mu.Unlock()
	return err == nil && n.users[pub]
}

// beforeOK is called by the relays when an event was taken and its sender does
// not know that yet.
func (n *Net) beforeOK(ev *nostr.Event) {
	if !n.isReply(ev) {
		return
	}
	n.mu.Lock()
	bots := slices.Clone(n.bots)
	n.mu.Unlock()
	for _, b := range bots {
		b.replyPublished()
	}
}

// botEnded remembers that a bot's Run returned though nobody stopped it.
func (n *Net) botEnded(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended == nil {
		n.ended = fmt.Errorf("the bot ended by itself: %w", err)
		close(n.end)
	}
}

// await waits for happened, for Patience at most.
func (n *Net) await(happened <-chan struct{}) error {
	ctx, cancel := patience()
	defer cancel()
	return n.awaitCtx(ctx, happened)
}

func (n *Net) awaitCtx(ctx context.Context, happened <-chan struct{}) error {
	select {
	case <-happened:
		return nil
	default:
	}
	select {
	case <-happened:
		return nil
	case <-n.end:
		return n.ended
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var errPatience = fmt.Errorf("nothing happened for %v", Patience)

func patience() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), Patience, errPatience)
}
