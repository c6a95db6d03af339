package nostrbot_test

import (
	"testing"
	"time"

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
