package relay_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestMain(m *testing.M) {
	// khatru starts this one for good.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/fiatjaf/khatru.(*expirationManager).start"))
}

const me = "1111111111111111111111111111111111111111111111111111111111111111"

var secret = nostr.GeneratePrivateKey()

// toMe is a signed event that everyMine asks for.
func toMe(t testing.TB, text string) *nostr.Event {
	t.Helper()
	return signed(t, nostr.Event{Kind: 1059, Content: text, CreatedAt: nostr.Now(), Tags: nostr.Tags{{"p", me}}})
}

func signed(t testing.TB, ev nostr.Event) *nostr.Event {
	t.Helper()
	require.NoError(t, ev.Sign(secret))
	return &ev
}

func raw(t testing.TB, ev *nostr.Event) []byte {
	t.Helper()
	b, err := ev.MarshalJSON()
	require.NoError(t, err)
	return b
}

func everyMine(time.Time) []nostr.Filter {
	return []nostr.Filter{{Kinds: []int{1059}, Tags: nostr.TagMap{"p": {me}}}}
}

func sign(_ context.Context, ev *nostr.Event) error { return ev.Sign(secret) }

// quick makes retries fast; it says nothing about patience.
var quick = relay.Timing{BackoffMin: 2 * time.Millisecond, BackoffMax: 20 * time.Millisecond}

func startRelay(t testing.TB, opts devrelay.Options) *devrelay.Relay {
	t.Helper()
	r, err := devrelay.Start("127.0.0.1:0", opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// bench is a running pool and what it delivered.
type bench struct {
	*relay.Pool
	t   testing.TB
	ctx context.Context
	got chan relay.Delivery
}

// startPool runs a pool; unless cfg says otherwise, it asks for everyMine and
// the deliveries are in got.
func startPool(t testing.TB, cfg relay.Config) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	b := &bench{t: t, ctx: ctx, got: make(chan relay.Delivery, 10_000)}
	if cfg.Filters == nil && cfg.Deliver == nil {
		cfg.Filters = everyMine
		cfg.Deliver = func(_ context.Context, d relay.Delivery) { b.got <- d }
	}
	if cfg.Timing.BackoffMin == 0 {
		cfg.Timing.BackoffMin, cfg.Timing.BackoffMax = quick.BackoffMin, quick.BackoffMax
	}
	pool, err := relay.New(cfg)
	require.NoError(t, err)
	b.Pool = pool
	var wg sync.WaitGroup
	wg.Go(func() { _ = pool.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return b
}

func (b *bench) next() relay.Delivery {
	b.t.Helper()
	select {
	case d := <-b.got:
		return d
	case <-b.ctx.Done():
		require.FailNow(b.t, "no delivery")
		return relay.Delivery{}
	}
}

// expect reads deliveries until each of the texts came, and returns how many
// that were.
func (b *bench) expect(texts ...string) int {
	b.t.Helper()
	missing := make(map[string]bool)
	for _, text := range texts {
		missing[text] = true
	}
	n := 0
	for ; len(missing) > 0; n++ {
		delete(missing, b.next().Event.Content)
	}
	return n
}

func (b *bench) wait(r *devrelay.Relay, what devrelay.What, n int) devrelay.Seen {
	b.t.Helper()
	seen, err := r.Wait(b.ctx, what, n)
	require.NoError(b.t, err)
	return seen
}

func (b *bench) leg(url string) relay.Leg {
	b.t.Helper()
	for _, leg := range b.Health() {
		if leg.URL == url {
			return leg
		}
	}
	require.FailNow(b.t, "no leg", url)
	return relay.Leg{}
}

func (b *bench) eventually(url string, ok func(relay.Leg) bool) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return ok(b.leg(url)) }, time.Minute, time.Millisecond)
}

func isLive(l relay.Leg) bool { return l.Live }

// memNet is a network without sockets, for synctest.
type memNet struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (m *memNet) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memNet) Close() error   { m.once.Do(func() { close(m.closed) }); return nil }
func (m *memNet) Addr() net.Addr { return &net.TCPAddr{} }

func (m *memNet) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			select {
			case m.conns <- theirs:
				return ours, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}}
}

// memRelay is a relay at ws://mem that can be reached in a synctest bubble.
func memRelay(t testing.TB) (*devrelay.Relay, *http.Client) {
	m := &memNet{conns: make(chan net.Conn), closed: make(chan struct{})}
	r := devrelay.New(devrelay.Options{Write: time.Hour})
	server := &http.Server{Handler: r}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(m) })
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.NoError(t, r.Close())
		wg.Wait()
	})
	return r, m.client()
}
