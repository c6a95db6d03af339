package nostrbot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

// Many customers whose relays are dead cost no memory for each, and get their
// replies when the relays are back.
func TestOutbox_CrowdThatWaits(t *testing.T) {
	t.Parallel()
	net, _ := ownRelay(t)
	dead := newStranger(t)
	dead.Faults.RefuseConnections(true)
	bot := net.Bot(t, func(b *nostrbot.Bot) { pong(b); b.SetCrowd(2) }, guests(dead))
	mallory := net.User(t, "mallory")
	var to []nostrbot.PubKey
	for range 8 {
		key := newKey(t)
		customer, err := key.PubKey()
		require.NoError(t, err)
		to = append(to, customer)
		list := dm.RelayList{Kind: dm.KindInboxRelays, At: time.Now(), Read: []string{dead.url}}.Event()
		require.NoError(t, key.Sign(t.Context(), list))
		mallory.Publish([]byte(list.String()))
		require.NoError(t, bot.Send(t.Context(), customer, "x", "k"))
	}
	passes(t, net, 10*time.Second, func() bool { return bot.Senders() <= 2 })
	dead.Faults.Clear()
	passes(t, net, time.Minute, func() bool {
		for _, customer := range to {
			if len(dms(dead.Relay, customer)) == 0 {
				return false
			}
		}
		return true
	})
}
