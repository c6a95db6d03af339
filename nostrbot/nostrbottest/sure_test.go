package nostrbottest

import (
	"context"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

// A reply that is still being made when HearsNothing is asked is found.
func TestHearsNothing_WaitsForTheBot(t *testing.T) {
	t.Parallel()
	net := New(t)
	relay := net.Relays[0].dev
	net.Bot(t, func(b *nostrbot.Bot) {
		b.Fallback(func(ctx context.Context, m *nostrbot.Message) error {
			if _, err := relay.Wait(ctx, devrelay.EVENT, 2); err != nil { // the question behind this one
				return err
			}
			m.Reply("late")
			return nil
		})
	})
	alice := net.User(t, "alice").Says("hello")
	said := fails(t, func(v testing.TB) { alice.t = v; alice.HearsNothing() })
	require.Contains(t, said, `expected to hear nothing, but heard "late"`)
}

// So is one that a relay keeps to itself.
func TestHearsNothing_AsksTheRelays(t *testing.T) {
	t.Parallel()
	net := New(t, Relays(2))
	alice := net.User(t, "alice")
	net.Relays[1].Withhold(true)
	net.speak(t, net.Relays[1], alice, "withheld", net.Clock.Now())
	said := fails(t, func(v testing.TB) { alice.t = v; alice.HearsNothing() })
	require.Contains(t, said, `expected to hear nothing, but heard "withheld"`)
}

// A relay that cannot be asked is no proof.
func TestHearsNothing_CannotTell(t *testing.T) {
	t.Parallel()
	net := New(t, Relays(2))
	alice := net.User(t, "alice")
	net.Relays[1].RefuseREQs("error: no")
	said := fails(t, func(v testing.TB) { alice.t = v; alice.HearsNothing() })
	require.Contains(t, said, `whether alice heard nothing cannot be told: `+net.Relays[1].URL())
}

// Of two relays the slow one has the first DM.
func TestHears_InTheOrderOfWriting(t *testing.T) {
	t.Parallel()
	net := New(t, Relays(2))
	alice := net.User(t, "alice")
	now := net.Clock.Now()
	net.Relays[0].Withhold(true)
	net.speak(t, net.Relays[0], alice, "first", now)
	net.speak(t, net.Relays[1], alice, "second", now.Add(time.Second))
	alice.Hears("first").Hears("second")
}

// speak is a bot that answers by one relay.
func (n *Net) speak(t *testing.T, r *Relay, to *User, text string, at time.Time) {
	t.Helper()
	s, err := dm.Seal(t.Context(), nostrbot.Nsec(n.Key(botName)), dm.Draft{To: to.me, Text: text, Via: dm.NIP17, At: at})
	require.NoError(t, err)
	var ev nostr.Event
	require.NoError(t, ev.UnmarshalJSON(s.Event))
	require.NoError(t, r.dev.Publish(&ev))
}

// A dead bot has no sockets, whatever its handlers still do.
func TestCrash_CutsTheSockets(t *testing.T) {
	t.Parallel()
	net := New(t)
	relay := net.Relays[0].dev
	entered, release := make(chan struct{}), make(chan struct{})
	bot := net.Bot(t, func(b *nostrbot.Bot) {
		b.Fallback(func(context.Context, *nostrbot.Message) error {
			close(entered)
			<-release // deaf to its context
			return nil
		})
	})
	net.User(t, "alice").Says("hello")
	<-entered
	bot.Crash()
	ctx, cancel := patience()
	defer cancel()
	_, err := relay.Wait(ctx, devrelay.Disconnected, 1)
	require.NoError(t, err)
	_, err = bot.present().link.dial(ctx, "tcp", "127.0.0.1:1")
	require.Error(t, err)
	_, err = bot.present().link.dial(ctx, "tcp", net.Relays[0].url[len("ws://"):])
	require.ErrorIs(t, err, errCrashed)
	close(release)
}
