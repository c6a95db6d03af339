package nostrbot_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// stranger is a relay that is not the bot's: reached by TLS, through the guest
// client.
type stranger struct {
	*devrelay.Relay
	url    string
	client *http.Client
}

func newStranger(t *testing.T) *stranger {
	t.Helper()
	r := devrelay.New(devrelay.Options{})
	server := httptest.NewTLSServer(r)
	t.Cleanup(func() {
		require.NoError(t, r.Close())
		server.Close()
	})
	return &stranger{r, strings.Replace(server.URL, "https://", "wss://", 1), server.Client()}
}

// guests lets the bot reach strangers in this process; all of them show the
// same certificate.
func guests(s *stranger) func(*nostrbot.Config) {
	return func(c *nostrbot.Config) { c.GuestClient = s.client }
}

// ownRelay is a net over one relay whose switchboard the test holds.
func ownRelay(t *testing.T) (*nostrbottest.Net, *devrelay.Relay) {
	t.Helper()
	r, err := devrelay.Start("127.0.0.1:0", devrelay.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return nostrbottest.New(t, nostrbottest.Over(r.URL())), r
}

// lists publishes where a user reads.
func lists(u *nostrbottest.User, kind int, relays ...string) {
	listsAt(u, kind, time.Now(), relays...)
}

func listsAt(u *nostrbottest.User, kind int, at time.Time, relays ...string) {
	u.Publish(listEvent(u, kind, at, relays...))
}

func listEvent(u *nostrbottest.User, kind int, at time.Time, relays ...string) []byte {
	ev := dm.RelayList{Kind: kind, At: at, Read: relays}.Event()
	if err := u.Signer().Sign(context.Background(), ev); err != nil {
		panic(err)
	}
	return []byte(ev.String())
}

// delivery polls until the message is in a state.
func delivery(t *testing.T, bot *nostrbottest.Bot, to nostrbot.PubKey, key string, ok func(nostrbot.Delivery) bool) nostrbot.Delivery {
	t.Helper()
	var d nostrbot.Delivery
	require.Eventually(t, func() bool {
		var err error
		d, err = bot.Delivery(t.Context(), to, key)
		require.NoError(t, err)
		return ok(d)
	}, patience, time.Millisecond)
	return d
}

// passes lets time pass, by the bot's clock, until something holds.
func passes(t *testing.T, net *nostrbottest.Net, step time.Duration, holds func() bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		if holds() {
			return true
		}
		net.Clock.Advance(step)
		return false
	}, patience, 10*time.Millisecond)
}

func is(state nostrbot.ParcelState) func(nostrbot.Delivery) bool {
	return func(d nostrbot.Delivery) bool { return d.State == state }
}

func receipts(d nostrbot.Delivery) (relays []string) {
	for _, c := range d.Copies {
		for _, r := range c.Receipts {
			relays = append(relays, r.Relay)
		}
	}
	return relays
}

func dms(r *devrelay.Relay, to nostrbot.PubKey) []*nostr.Event {
	return r.Events(nostr.Filter{Kinds: []int{4, 1059}, Tags: nostr.TagMap{"p": {to.String()}}})
}

func TestDelivery_GoesWhereTheListSays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		client  nostrbottest.Client
		inbox   bool // has kind 10050
		general bool // has kind 10002
		want    string
	}{
		"nip17: 10050":             {nostrbottest.NIP17, true, true, "inbox"},
		"nip17: 10002":             {nostrbottest.NIP17, false, true, "general"},
		"nip17: where it came":     {nostrbottest.NIP17, false, false, "own"},
		"nip04: 10002":             {nostrbottest.NIP04, true, true, "general"},
		"nip04: not 10050":         {nostrbottest.NIP04, true, false, "own"},
		"nip04: where it came":     {nostrbottest.NIP04, false, false, "own"},
		"both: as nip17 or nip04?": {nostrbottest.NIP17, true, false, "inbox"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net, own := ownRelay(t)
			inbox, general := newStranger(t), newStranger(t)
			bot := net.Bot(t, pong, guests(inbox))
			alice := net.User(t, "alice", tt.client)
			if tt.inbox {
				lists(alice, dm.KindInboxRelays, inbox.url)
			}
			if tt.general {
				lists(alice, dm.KindRelays, general.url)
			}
			alice.Says("ping")
			var d nostrbot.Delivery
			require.Eventually(t, func() bool {
				d, _ = bot.DeliveryOf(t.Context(), alice.PubKey(), alice.SaidID())
				return d.State == nostrbot.ParcelSent
			}, patience, time.Millisecond)
			at := map[string]*devrelay.Relay{"inbox": inbox.Relay, "general": general.Relay, "own": own}
			for where, r := range at {
				if where == tt.want {
					require.Len(t, dms(r, alice.PubKey()), 1, where)
				} else {
					require.Empty(t, dms(r, alice.PubKey()), "no spray: %s", where)
				}
			}
			urls := map[string]string{"inbox": inbox.url, "general": general.url, "own": own.URL()}
			require.Equal(t, []string{urls[tt.want]}, receipts(d))
		})
	}
}

// What our own relay says is no delivery to one who reads elsewhere.
func TestDelivery_OnlyAListedRelayCounts(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	s := newStranger(t)
	s.Faults.RefuseEvents("error: disk full")
	bot := net.Bot(t, pong, guests(s))
	alice := net.User(t, "alice")
	lists(alice, dm.KindInboxRelays, s.url)
	alice.Says("ping")
	_, err := s.Wait(t.Context(), devrelay.EVENT, 1)
	require.NoError(t, err)
	require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "news", "k"))
	passes(t, net, 10*time.Second, func() bool { return own.Count(devrelay.EVENT) >= 3 }) // the list, the question, and the courtesy copy
	alice.Hears("pong")
	d, err := bot.DeliveryOf(t.Context(), alice.PubKey(), alice.SaidID())
	require.NoError(t, err)
	require.Equal(t, nostrbot.ParcelPending, d.State)
	require.Positive(t, d.Copies[0].Attempts)

	s.Faults.Clear()
	passes(t, net, 10*time.Second, func() bool {
		d, err = bot.Delivery(t.Context(), alice.PubKey(), "k")
		return err == nil && d.State == nostrbot.ParcelSent
	})
	require.Contains(t, receipts(d), s.url)
}

// Nobody can say where alice reads: what her first relay accepts is published,
// but counts only after some rounds; later replies do not wait for that.
func TestDelivery_UnreadableListIsDoubt(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	own.Faults.RefuseREQsFunc(func(_ string, filters []nostr.Filter) string {
		for _, f := range filters {
			if len(f.Kinds) > 0 && f.Kinds[0] == dm.KindInboxRelays {
				return "error: too many tables"
			}
		}
		return ""
	})
	net.Clock.Freeze()
	bot := net.Bot(t, pong)
	alice := net.User(t, "alice").Says("ping 1").Hears("pong 1")
	first := alice.SaidID()
	alice.Says("ping 2").Hears("pong 2") // not held up
	peer, err := bot.Peer(t.Context(), alice.PubKey())
	require.NoError(t, err)
	require.True(t, peer.Unreadable)
	require.False(t, peer.Listed)
	d, err := bot.DeliveryOf(t.Context(), alice.PubKey(), first)
	require.NoError(t, err)
	require.Equal(t, nostrbot.ParcelPending, d.State, "heard, but nobody can say so")
	require.Equal(t, []string{own.URL()}, receipts(d))
	require.Eventually(t, func() bool {
		net.Clock.Advance(time.Second)
		d, err = bot.DeliveryOf(t.Context(), alice.PubKey(), first)
		return err == nil && d.State == nostrbot.ParcelSent
	}, patience, 10*time.Millisecond)
	require.Equal(t, 3, d.Copies[0].Attempts)
	alice.HearsNothing()
}

// The first relay that accepts a reply lets the next one go; what slower ones
// say is counted when it comes.
func TestDelivery_SlowRelayHoldsUpNobody(t *testing.T) {
	t.Parallel()
	net, _ := ownRelay(t)
	slow, quick := newStranger(t), newStranger(t)
	slow.Faults.HoldOKs()
	bot := net.Bot(t, pong, guests(slow))
	alice := net.User(t, "alice")
	lists(alice, dm.KindInboxRelays, slow.url, quick.url)
	alice.Says("ping")
	began := time.Now()
	for _, key := range []string{"1", "2", "3"} {
		require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "news "+key, key, nostrbot.Via(nostrbot.NIP17)))
	}
	for _, key := range []string{"1", "2", "3"} {
		d := delivery(t, bot, alice.PubKey(), key, is(nostrbot.ParcelSent))
		require.Equal(t, []string{quick.url}, receipts(d))
	}
	require.Less(t, time.Since(began), 5*time.Second, "less than one time-out of the slow one")
	require.Eventually(t, func() bool { return len(dms(slow.Relay, alice.PubKey())) == 4 }, patience, time.Millisecond)
	slow.Faults.ReleaseOKs()
	for _, key := range []string{"1", "2", "3"} { // late, and counted
		delivery(t, bot, alice.PubKey(), key, func(d nostrbot.Delivery) bool { return len(receipts(d)) == 2 })
	}
}

func TestDelivery_SenderCopy(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	bot := net.Bot(t, pong, func(c *nostrbot.Config) { c.SenderCopy = true })
	alice := net.User(t, "alice").Says("ping").Hears("pong")
	require.Eventually(t, func() bool { return len(dms(own, bot.PubKey())) == 2 }, patience, time.Millisecond)
	copied := dms(own, bot.PubKey())[1]
	_, err := dm.Open(t.Context(), nostrbot.Nsec(net.Key("bot")), copied, time.Now())
	require.ErrorIs(t, err, dm.ErrOwn)
	alice.HearsNothing()
}

func TestDelivery_LongReplyLeavesInParts(t *testing.T) {
	t.Parallel()
	net, _ := ownRelay(t)
	long := strings.Repeat("a line of the menu\n", 5000)
	net.Bot(t, func(b *nostrbot.Bot) { b.Command("menu", "", nostrbot.Say(long)) })
	alice := net.User(t, "alice").Says("menu")
	var text strings.Builder
	for _, part := range []string{"(1/4)\n", "(2/4)\n", "(3/4)\n", "(4/4)\n"} {
		got, ok := strings.CutPrefix(alice.Next().Text, part)
		require.True(t, ok, part)
		text.WriteString(got)
	}
	require.Equal(t, long, text.String())
	alice.HearsNothing()
}
