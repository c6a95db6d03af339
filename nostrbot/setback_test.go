package nostrbot_test

import (
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// A clock that was a day ahead, and is put right, does not hold replies back
// for a day.
func TestDelivery_ClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	clock, store := &movedClock{}, nostrbot.NewMemory()
	clock.move(20 * time.Hour)
	ahead, err := nostrbot.New(nostrbot.Config{
		Signer: n.botKey, Relays: []string{n.URL()}, Store: store, Clock: clock,
	})
	require.NoError(t, err)
	alice := n.person(t)
	require.NoError(t, ahead.Send(t.Context(), alice.me, "hello", "k", nostrbot.Via(nostrbot.NIP17)))
	n.run(t, nostrbot.Config{Store: store}, ping)
	alice.hears("hello")
}

// What a relay refuses as dated in the future is not given up.
func TestDelivery_DateAheadIsNotTheEnd(t *testing.T) {
	t.Parallel()
	for _, via := range []nostrbot.Protocol{nostrbot.NIP04, nostrbot.NIP17} {
		t.Run(string(via), func(t *testing.T) {
			t.Parallel()
			n := newNet(t)
			bot, _ := n.run(t, nostrbot.Config{}, ping)
			alice := n.person(t)
			n.Faults.RefuseEventsFunc(func(ev *nostr.Event) string {
				if isReplyTo(ev, alice.me) {
					return "invalid: event creation date is too far in the future"
				}
				return ""
			})
			id := alice.says("ping", via)
			require.Eventually(t, func() bool {
				d, err := bot.DeliveryOf(t.Context(), alice.me, id)
				return err == nil && len(d.Copies) == 1 && d.Copies[0].Attempts > 0
			}, patience, time.Millisecond)
			n.Faults.Clear()
			alice.hears("pong")
		})
	}
}
