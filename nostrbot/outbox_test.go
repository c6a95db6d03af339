package nostrbot_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip13"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

func isReplyTo(ev *nostr.Event, to nostrbot.PubKey) bool {
	return ev.Tags.FindWithValue("p", to.String()) != nil
}

func TestDelivery_RelayThatWantsWork(t *testing.T) {
	t.Parallel()
	for reason, bits := range map[string]int{
		"pow: difficulty 2 is less than 10": 10,
		"pow: work harder":                  12, // it does not say how much
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			net, own := ownRelay(t)
			bot := net.Bot(t, pong)
			alice := net.User(t, "alice")
			own.Faults.RefuseEventsFunc(func(ev *nostr.Event) string {
				if isReplyTo(ev, alice.PubKey()) && nip13.Difficulty(ev.ID) < bits {
					return reason
				}
				return ""
			})
			alice.Says("ping").Hears("pong")
			d, err := bot.DeliveryOf(t.Context(), alice.PubKey(), alice.SaidID())
			require.NoError(t, err)
			require.Equal(t, alice.Last().ID, d.Copies[0].ID, "the same message in another wrap")
			require.Len(t, dms(own, alice.PubKey()), 1)
			alice.HearsNothing()
		})
	}
}

// What cannot be done for a relay is final for it: nothing waits behind it.
func TestDelivery_WorkThatIsNotDone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		client nostrbottest.Client
		reason string
	}{
		"kind 4 keeps its id": {nostrbottest.NIP04, "pow: 8 bits"},
		"too much":            {nostrbottest.NIP17, "pow: 60 bits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net, own := ownRelay(t)
			bot := net.Bot(t, pong)
			alice := net.User(t, "alice", tt.client)
			var once sync.Once
			own.Faults.RefuseEventsFunc(func(ev *nostr.Event) (reason string) {
				if isReplyTo(ev, alice.PubKey()) {
					once.Do(func() { reason = tt.reason })
				}
				return reason
			})
			alice.Says("ping 1")
			first := alice.SaidID()
			require.Eventually(t, func() bool {
				d, err := bot.DeliveryOf(t.Context(), alice.PubKey(), first)
				return err == nil && d.State == nostrbot.ParcelGivenUp
			}, patience, time.Millisecond)
			alice.Says("ping 2").Hears("pong 2").HearsNothing()
		})
	}
}

// A relay that refuses dates of the past gets a wrap of now, and nobody else
// does: those who take the first one keep it.
func TestDelivery_RelayThatRefusesTheDate(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	picky, easy := newStranger(t), newStranger(t)
	picky.Faults.RefuseSkew(time.Minute)
	bot := net.Bot(t, pong, guests(easy))
	alice := net.User(t, "alice")
	lists(alice, dm.KindInboxRelays, picky.url, easy.url)
	require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "news", "k", nostrbot.ExpiresIn(time.Hour)))
	d := delivery(t, bot, alice.PubKey(), "k", func(d nostrbot.Delivery) bool { return len(receipts(d)) == 2 })
	require.Equal(t, nostrbot.ParcelSent, d.State)
	var ids []string
	for _, s := range []*stranger{picky, easy} {
		sent := dms(s.Relay, alice.PubKey())
		require.Len(t, sent, 1)
		require.NotNil(t, sent[0].Tags.Find("expiration"))
		m, err := dm.Open(t.Context(), alice.Signer(), sent[0], time.Now())
		require.NoError(t, err)
		ids = append(ids, m.ID)
	}
	require.Equal(t, []string{d.Copies[0].ID, d.Copies[0].ID}, ids)
	require.Empty(t, dms(own, alice.PubKey()))
}

// One complaint holds back all replies to that relay, and none is lost.
func TestDelivery_RateLimitIsForAllCustomers(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	net.Bot(t, pong)
	users := make([]*nostrbottest.User, 8)
	for i := range users {
		users[i] = net.User(t, string(rune('a'+i)))
	}
	var mu sync.Mutex
	var taken []time.Time
	refused := 0
	own.Faults.RefuseEventsFunc(func(ev *nostr.Event) string {
		if p := ev.Tags.Find("p"); p == nil || ev.PubKey == p[1] || isReplyTo(ev, net.PubKey("bot")) {
			return ""
		}
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		for len(taken) > 0 && now.Sub(taken[0]) > 200*time.Millisecond {
			taken = taken[1:]
		}
		if len(taken) >= 3 {
			refused++
			return "rate-limited: slow down"
		}
		taken = append(taken, now)
		return ""
	})
	for _, u := range users {
		u.Says("ping")
	}
	for _, u := range users {
		u.Hears("pong").HearsNothing()
	}
	mu.Lock()
	defer mu.Unlock()
	require.Less(t, refused, 60)
}

// One reply that a relay does not take, and does not say why for good, does not
// silence the bot.
func TestDelivery_OddRefusalIsOvertaken(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	bot := net.Bot(t, pong)
	alice := net.User(t, "alice", nostrbottest.NIP04)
	var odd string
	var mu sync.Mutex
	own.Faults.RefuseEventsFunc(func(ev *nostr.Event) string {
		mu.Lock()
		defer mu.Unlock()
		if !isReplyTo(ev, alice.PubKey()) {
			return ""
		}
		if odd == "" {
			odd = ev.ID
		}
		if ev.ID == odd {
			return "computer says no"
		}
		return ""
	})
	alice.Says("ping 1")
	first := alice.SaidID()
	alice.Says("ping 2")
	passes(t, net, 10*time.Second, func() bool { return len(dms(own, alice.PubKey())) == 1 })
	alice.Hears("pong 2")
	d, err := bot.DeliveryOf(t.Context(), alice.PubKey(), first)
	require.NoError(t, err)
	require.Equal(t, nostrbot.ParcelPending, d.State)
	require.GreaterOrEqual(t, d.Copies[0].Attempts, 4)
	alice.Says("ping 3").Hears("pong 3")
}

func TestDelivery_GivenUpWhenTooOld(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	bot := net.Bot(t, pong)
	own.Faults.RefuseEvents("error: no")
	to := net.PubKey("alice")
	require.NoError(t, bot.Send(t.Context(), to, "x", "k", nostrbot.Via(nostrbot.NIP17)))
	require.Eventually(t, func() bool {
		net.Clock.Advance(12 * time.Hour)
		d, err := bot.Delivery(t.Context(), to, "k")
		return err == nil && d.State == nostrbot.ParcelGivenUp
	}, patience, time.Millisecond)
	d, err := bot.Delivery(t.Context(), to, "nothing")
	require.NoError(t, err)
	require.Zero(t, d)
}

// The relays of a list may be gone for good: the customer hears all the same,
// where they wrote from, and only the first reply is late.
func TestDelivery_DeadListHoldsUpTheFirstOnly(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	dead := newStranger(t)
	dead.Faults.RefuseEvents("error: disk full")
	bot := net.Bot(t, pong, guests(dead))
	alice := net.User(t, "alice")
	lists(alice, dm.KindInboxRelays, dead.url)
	alice.Says("ping 1")
	passes(t, net, time.Second, func() bool { return len(dms(own, alice.PubKey())) == 1 })
	alice.Hears("pong 1")
	dead.Faults.RefuseEvents("")
	dead.Faults.SwallowOKs(true) // from now on it does not even refuse
	net.Clock.Freeze()           // no further round is needed
	began := time.Now()
	for _, text := range []string{"2", "3", "4"} {
		alice.Says("ping " + text).Hears("pong " + text)
	}
	require.Less(t, time.Since(began), 10*time.Second, "three replies, not three time-outs")
	require.Eventually(t, func() bool { // it is heard before the round is recorded
		d, err := bot.DeliveryOf(t.Context(), alice.PubKey(), alice.SaidID())
		require.NoError(t, err)
		require.Equal(t, nostrbot.ParcelPending, d.State, "nobody says that she read it")
		return slices.Equal(receipts(d), []string{own.URL()})
	}, patience, time.Millisecond)
}

// What is spaced out in time is not left behind by a graceful stop.
func TestDelivery_StopSendsBothCopies(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	bot := net.Bot(t, pong)
	net.User(t, "alice").Says("ping").Hears("pong")
	bob := net.PubKey("bob")
	net.Clock.Freeze()
	require.NoError(t, bot.Send(t.Context(), bob, "news", "k"))
	delivery(t, bot, bob, "k", is(nostrbot.ParcelSent))
	d, err := bot.Delivery(t.Context(), bob, "k")
	require.NoError(t, err)
	require.Equal(t, nostrbot.ParcelPending, d.Copies[1].State)
	bot.Stop()
	d, err = bot.Delivery(t.Context(), bob, "k")
	require.NoError(t, err)
	require.Equal(t, nostrbot.ParcelSent, d.Copies[1].State)
}
