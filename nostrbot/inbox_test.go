package nostrbot

import (
	"context"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

func anInbox(t *testing.T, store Store, now time.Time) (*inbox, *stoppedClock) {
	t.Helper()
	clock := &stoppedClock{now: now}
	b := &Bot{cfg: Config{Clock: clock}, store: store, me: PubKey{7}}
	b.cfg.setDefaults()
	b.log = b.cfg.Logger
	b.inbox.init(b)
	return &b.inbox, clock
}

func TestInbox_AsksForAllSinceItWasWhole(t *testing.T) {
	t.Parallel()
	store, start := NewMemory(), time.Unix(1_800_000_000, 0)
	in, clock := anInbox(t, store, start)
	in.load(t.Context())
	require.Equal(t, start, in.asOf("wss://a", time.Time{}), "one that never ran has missed nothing")

	in.whole["wss://a"], in.whole["wss://b"] = start, start.Add(-time.Hour)
	in.save(t.Context())
	clock.advance(5 * 24 * time.Hour)
	require.Equal(t, start, in.asOf("wss://a", time.Time{}), "a relay that was away, also while we run")

	// After a restart, each relay from its own time.
	in, _ = anInbox(t, store, clock.Now())
	in.load(t.Context())
	require.Equal(t, start, in.asOf("wss://a", time.Time{}))
	require.Equal(t, start.Add(-time.Hour), in.asOf("wss://b", time.Time{}))
	require.Equal(t, clock.Now(), in.asOf("wss://new", time.Time{}))

	// When the Store has forgotten, all that may still be handled.
	clock.advance(SessionTTL)
	in, _ = anInbox(t, store, clock.Now())
	in.load(t.Context())
	since := dm.Inbox(in.bot.me, in.asOf("wss://a", time.Time{}))[1].Since.Time()
	require.Equal(t, clock.Now().Add(-dm.MaxAge).Unix(), since.Unix())

	// And no more than that, whatever it says.
	in.whole["wss://a"] = start.Add(-1000 * time.Hour)
	since = dm.Inbox(in.bot.me, in.asOf("wss://a", time.Time{}))[1].Since.Time()
	require.Equal(t, clock.Now().Add(-dm.MaxAge).Unix(), since.Unix())
}

func TestInbox_SweepsForWhatCameLate(t *testing.T) {
	t.Parallel()
	in, clock := anInbox(t, NewMemory(), time.Unix(1_800_000_000, 0))
	in.load(t.Context())
	var back []time.Duration
	for range 14 { // an hour each, as relays are asked anew
		back = append(back, clock.Now().Sub(in.asOf("wss://a", time.Time{})))
		clock.advance(time.Hour)
	}
	want := make([]time.Duration, 14)
	want[6], want[12] = sweepBack, sweepBack
	require.Equal(t, want, back)
}

func TestInbox_TwoBotsOnOneStore(t *testing.T) {
	t.Parallel()
	store, start := NewMemory(), time.Unix(1_800_000_000, 0)
	one, _ := anInbox(t, store, start)
	two, _ := anInbox(t, store, start)
	one.load(t.Context())
	two.load(t.Context())
	one.whole["wss://a"], one.whole["wss://b"] = start, start
	two.whole["wss://a"], two.whole["wss://b"] = start.Add(time.Hour), start.Add(-time.Hour)
	one.save(t.Context())
	two.save(t.Context()) // is late, and looks again
	three, _ := anInbox(t, store, start.Add(2*time.Hour))
	three.load(t.Context())
	require.Equal(t, start.Add(time.Hour), three.asOf("wss://a", time.Time{}))
	require.Equal(t, start, three.asOf("wss://b", time.Time{}))
}

type brokenStore struct{ Store }

func (brokenStore) Load(context.Context, PubKey, time.Time, ...string) (Conversation, error) {
	return Conversation{}, ErrStoreClosed
}

func TestInbox_UnreadableStoreAsksForAll(t *testing.T) {
	t.Parallel()
	in, clock := anInbox(t, brokenStore{NewMemory()}, time.Unix(1_800_000_000, 0))
	in.load(t.Context())
	require.Equal(t, clock.Now().Add(-oldest), in.asOf("wss://a", time.Time{}))
}

func TestCanary_Caught(t *testing.T) {
	t.Parallel()
	var b Bot
	c := &b.canary
	c.init(&b, []string{"wss://a"})
	f := c.enter("id", "wss://a")
	from := func(id, url string, stored bool) relay.Delivery {
		return relay.Delivery{Event: &nostr.Event{ID: id}, Relay: url, Stored: stored}
	}
	require.False(t, c.caught(from("another", "wss://a", false)))
	require.True(t, c.caught(from("id", "wss://b", false)), "passed on by another relay: not handled, and no proof")
	require.True(t, c.caught(from("id", "wss://a", true)))
	require.True(t, c.renewed(f), "a fresh REQ found it, which says nothing of the one before")
	select {
	case <-f.live:
		t.Fatal("it did not come live")
	default:
	}
	for range 2 {
		require.True(t, c.caught(from("id", "wss://a", false)))
	}
	<-f.live
	for i := range 2 * canariesKept {
		c.enter(string(rune(i)), "wss://a")
	}
	require.LessOrEqual(t, len(c.flying), canariesKept)
}
