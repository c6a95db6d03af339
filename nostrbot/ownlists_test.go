package nostrbot_test

import (
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

func present(c *nostrbot.Config) {
	c.NoLists, c.Profile = false, &nostrbot.Profile{Name: "shop", Bot: true}
}

// says is what a relay keeps of somebody's replaceable events of a kind.
func says(r *devrelay.Relay, who nostrbot.PubKey, kind int) []*nostr.Event {
	return r.Events(nostr.Filter{Kinds: []int{kind}, Authors: []string{who.String()}})
}

func TestOwnLists_ArePublishedAndKept(t *testing.T) {
	t.Parallel()
	one, two := startRelay(t), startRelay(t)
	net := nostrbottest.New(t, nostrbottest.Over(one.URL(), two.URL()))
	me := net.PubKey("bot")
	signer := nostrbot.Nsec(net.Key("bot"))

	// An older version is on one relay, dated ahead of the clock.
	old := dm.RelayList{Kind: dm.KindInboxRelays, At: time.Now().Add(time.Hour), Read: []string{"wss://old.example"}}.Event()
	require.NoError(t, signer.Sign(t.Context(), old))
	require.NoError(t, one.Publish(old))
	// And the right profile on the other only.
	profile := nostrbot.Profile{Name: "shop", Bot: true}.Event(time.Now().Add(-time.Hour))
	require.NoError(t, signer.Sign(t.Context(), profile))
	require.NoError(t, two.Publish(profile))

	net.Bot(t, pong, present)
	for _, r := range []*devrelay.Relay{one, two} {
		for _, kind := range []int{0, dm.KindInboxRelays, dm.KindRelays} {
			require.Eventually(t, func() bool {
				events := says(r, me, kind)
				return len(events) == 1 && events[0].ID != old.ID
			}, patience, time.Millisecond, "kind %d", kind)
		}
		l, err := dm.OpenRelayList(says(r, me, dm.KindInboxRelays)[0], time.Now())
		require.NoError(t, err)
		require.Equal(t, []string{one.URL(), two.URL()}, l.Read)
		require.Equal(t, old.CreatedAt+1, nostr.Timestamp(l.At.Unix()), "newer than what was there")
		l, err = dm.OpenRelayList(says(r, me, dm.KindRelays)[0], time.Now())
		require.NoError(t, err)
		require.Equal(t, []string{one.URL(), two.URL()}, l.Read)
		require.Equal(t, l.Read, l.Write)
		require.Equal(t, profile.ID, says(r, me, 0)[0].ID, "what is right is not made anew")
	}

	// A day later nothing is published, as nothing changed.
	published := one.Count(devrelay.EVENT) + two.Count(devrelay.EVENT)
	asked := two.Count(devrelay.REQ)
	passes(t, net, 10*time.Minute, func() bool { return two.Count(devrelay.REQ) > asked+2 })
	require.Equal(t, published, one.Count(devrelay.EVENT)+two.Count(devrelay.EVENT))
}

func startRelay(t *testing.T) *devrelay.Relay {
	t.Helper()
	r, err := devrelay.Start("127.0.0.1:0", devrelay.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// A relay that does not take them now is tried again; one that forgot them gets
// them back, as they were.
func TestOwnLists_AreReasserted(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	me := net.PubKey("bot")
	own.Faults.RefuseEvents("error: disk full")
	own.Faults.LoseEvents(true)
	net.Bot(t, pong, present)
	_, err := own.Wait(t.Context(), devrelay.EVENT, 3)
	require.NoError(t, err)
	own.Faults.RefuseEvents("")
	passes(t, net, 10*time.Minute, func() bool { return own.Count(devrelay.EVENT) == 6 })
	require.Empty(t, says(own, me, dm.KindRelays), "accepted and forgotten")
	own.Faults.LoseEvents(false)
	passes(t, net, 10*time.Minute, func() bool { return len(says(own, me, dm.KindRelays)) == 1 })
	require.WithinDuration(t, net.Clock.Now(), says(own, me, dm.KindRelays)[0].CreatedAt.Time(), time.Hour, "a day later")
}

func TestOwnLists_MayBeLeftAlone(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	bot := net.Bot(t, pong) // the kit's default is NoLists
	net.User(t, "alice").Says("ping").Hears("pong")
	require.Empty(t, says(own, bot.PubKey(), dm.KindRelays))
	require.Empty(t, says(own, bot.PubKey(), dm.KindInboxRelays))
}
