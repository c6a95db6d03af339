package nostrbot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

// A stranger's relay that takes events and never answers holds up nobody else's
// replies, however many customers list it.
func TestDelivery_SilentRelayOfManyCustomers(t *testing.T) {
	t.Parallel()
	net, _ := ownRelay(t)
	silent := newStranger(t)
	silent.Faults.SwallowOKs(true)
	bot := net.Bot(t, pong, guests(silent))
	alice, mallory := net.User(t, "alice"), net.User(t, "mallory")
	alice.Says("ping 1").Hears("pong 1")
	for range 150 {
		key := newKey(t)
		to, err := key.PubKey()
		require.NoError(t, err)
		list := dm.RelayList{Kind: dm.KindInboxRelays, At: time.Now(), Read: []string{silent.url}}.Event()
		require.NoError(t, key.Sign(t.Context(), list))
		mallory.Publish([]byte(list.String()))
		require.NoError(t, bot.Send(t.Context(), to, "x", "k", nostrbot.Via(nostrbot.NIP17)))
	}
	began := time.Now()
	alice.Says("ping 2").Hears("pong 2")
	require.Less(t, time.Since(began), 4*time.Second)
}
