package nostrbot_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

// patience bounds each wait of these tests; none of them takes long.
const patience = time.Minute

// net is one embedded relay with a bot's key.
type net struct {
	*devrelay.Relay
	botKey dm.Signer
	bot    dm.PubKey
}

func newNet(t *testing.T) *net {
	t.Helper()
	r, err := devrelay.Start("127.0.0.1:0", devrelay.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	key := newKey(t)
	me, err := key.PubKey()
	require.NoError(t, err)
	return &net{Relay: r, botKey: key, bot: me}
}

func newKey(t *testing.T) dm.Signer {
	t.Helper()
	nsec, err := dm.GenerateKey()
	require.NoError(t, err)
	return dm.Nsec(nsec)
}

// run makes a bot, lets wire declare its commands, and runs it until the test
// ends or stop is called.
func (n *net) run(t *testing.T, cfg nostrbot.Config, wire func(*nostrbot.Bot)) (bot *nostrbot.Bot, stop func()) {
	t.Helper()
	cfg.Signer, cfg.Relays = n.botKey, []string{n.URL()}
	cfg.NoLists, cfg.Canary = true, -1 // the only events are those of the test
	bot, err := nostrbot.New(cfg)
	require.NoError(t, err)
	wire(bot)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- bot.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(patience):
			t.Error("Run did not return")
		}
	})
	t.Cleanup(stop)
	return bot, stop
}

// person is a customer's client.
type person struct {
	t     *testing.T
	net   *net
	key   dm.Signer
	me    dm.PubKey
	pool  *relay.Pool
	heard chan dm.Message

	mu   sync.Mutex
	seen map[string]int // how often each event came, by message id

	asked int // by hearsNothing
}

func (n *net) person(t *testing.T) *person {
	t.Helper()
	p := &person{t: t, net: n, key: newKey(t), heard: make(chan dm.Message, 1000), seen: map[string]int{}}
	p.me, _ = p.key.PubKey()
	up := make(chan struct{})
	var once sync.Once
	var err error
	p.pool, err = relay.New(relay.Config{
		URLs:    []string{n.URL()},
		Filters: func(now time.Time) []nostr.Filter { return dm.Inbox(p.me, now) },
		Deliver: func(ctx context.Context, d relay.Delivery) {
			m, err := dm.Open(ctx, p.key, d.Event, time.Now())
			if err != nil {
				return
			}
			p.mu.Lock()
			p.seen[m.ID]++
			first := p.seen[m.ID] == 1
			p.mu.Unlock()
			if first {
				p.heard <- m
			}
		},
		OnUp: func(string) { once.Do(func() { close(up) }) },
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.pool.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	select {
	case <-up:
	case <-time.After(patience):
		t.Fatal("relay did not come up")
	}
	return p
}

func (p *person) seal(text string, via dm.Protocol, at time.Time) dm.Sealed {
	p.t.Helper()
	s, err := dm.Seal(p.t.Context(), p.key, dm.Draft{To: p.net.bot, Text: text, Via: via, At: at})
	require.NoError(p.t, err)
	return s
}

func (p *person) publish(event []byte) {
	p.t.Helper()
	verdicts := p.pool.Publish(p.t.Context(), event)
	require.True(p.t, len(verdicts) == 1 && verdicts[0].Delivered(), "%v", verdicts)
}

// says sends a DM and returns its id.
func (p *person) says(text string, via dm.Protocol) string {
	p.t.Helper()
	s := p.seal(text, via, time.Now())
	p.publish(s.Event)
	return s.ID
}

// hears waits for the next DM and checks its text.
func (p *person) hears(want string) dm.Message {
	p.t.Helper()
	select {
	case m := <-p.heard:
		require.Equal(p.t, want, m.Text)
		require.Equal(p.t, p.net.bot, m.From)
		return m
	case <-time.After(patience):
		require.Fail(p.t, "heard nothing", "want %q", want)
		return dm.Message{}
	}
}

// hearsNothing checks that nothing is left to hear: it asks for one more
// answer, before which anything else would have come.
func (p *person) hearsNothing(via dm.Protocol) {
	p.t.Helper()
	p.asked++
	last := fmt.Sprintf("ping last-%d", p.asked) // a text of its own is nobody's twin
	p.says(last, via)
	p.hears("pong" + strings.TrimPrefix(last, "ping"))
}

// ping declares the command that most tests ask.
func ping(b *nostrbot.Bot) {
	b.Command("ping [N]", "", func(_ context.Context, m *nostrbot.Message) error {
		m.Reply(strings.TrimSpace("pong " + m.Arg("N")))
		return nil
	})
}

// forge seals and wraps a rumor as a hostile client would: without a look at
// who its author is. change may touch the wrap before it is signed.
func (p *person) forge(rumor nostr.Event, change ...func(wrap *nostr.Event)) []byte {
	p.t.Helper()
	ctx := p.t.Context()
	content, err := p.key.Encrypt(ctx, dm.NIP44, p.net.bot, rumor.String())
	require.NoError(p.t, err)
	seal := nostr.Event{Kind: 13, CreatedAt: nostr.Now(), Content: content, Tags: nostr.Tags{}}
	require.NoError(p.t, p.key.Sign(ctx, &seal))
	throwAway := newKey(p.t)
	content, err = throwAway.Encrypt(ctx, dm.NIP44, p.net.bot, seal.String())
	require.NoError(p.t, err)
	wrap := nostr.Event{Kind: 1059, CreatedAt: nostr.Now(), Content: content, Tags: nostr.Tags{{"p", p.net.bot.String()}}}
	for _, f := range change {
		once, err := throwAway.PubKey()
		require.NoError(p.t, err)
		wrap.PubKey = once.String()
		f(&wrap)
	}
	require.NoError(p.t, throwAway.Sign(ctx, &wrap))
	return []byte(wrap.String())
}
