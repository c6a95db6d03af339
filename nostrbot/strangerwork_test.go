package nostrbot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip13"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

// What strangers' relays want of us costs a bounded time, and our own relays do
// not wait for it.
func TestDelivery_StrangersWorkHoldsUpNobody(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	greedy := newStranger(t)
	greedy.Faults.RefuseEvents("pow: 20")
	bot := net.Bot(t, func(b *nostrbot.Bot) { pong(b); b.SetStrangerTime(500 * time.Millisecond) }, guests(greedy))
	alice, mallory := net.User(t, "alice"), net.User(t, "mallory")
	own.Faults.RefuseEventsFunc(func(ev *nostr.Event) string {
		if isReplyTo(ev, alice.PubKey()) && nip13.Difficulty(ev.ID) < 4 {
			return "pow: 4"
		}
		return ""
	})
	long := strings.Repeat("long ", 6000) // 20 bits of it are half a minute
	for i := range 40 {
		key := newKey(t)
		to, err := key.PubKey()
		require.NoError(t, err)
		list := dm.RelayList{Kind: dm.KindInboxRelays, At: time.Now(), Read: []string{greedy.url}}.Event()
		require.NoError(t, key.Sign(t.Context(), list))
		mallory.Publish([]byte(list.String()))
		require.NoError(t, bot.Send(t.Context(), to, long, fmt.Sprint(i), nostrbot.Via(nostrbot.NIP17)))
	}
	require.Eventually(t, func() bool { return greedy.Count(devrelay.EVENT) > 20 }, patience, time.Millisecond)
	began := time.Now()
	alice.Says("ping").Hears("pong")
	require.Less(t, time.Since(began), 5*time.Second)
}
