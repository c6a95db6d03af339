package nostrbot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// A message that was sent soon after the bot went away, in a wrap that is dated
// further back still, is answered when the bot comes back days later.
func TestBot_AwayForDays(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]time.Duration{
		"its time is known": 5 * 24 * time.Hour, "its time is forgotten": 9 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t)
			store := nostrbot.NewMemory()
			bot := net.Bot(t, pong, func(c *nostrbot.Config) { c.Store = store })
			alice := net.User(t, "alice").Says("ping 1").Hears("pong 1")
			passes(t, net, time.Second, func() bool { // it was noted that all is handled
				conv, err := store.Load(t.Context(), bot.PubKey(), net.Clock.Now())
				return err == nil && conv.Rev > 0
			})
			bot.Stop()
			net.Clock.Advance(time.Hour)
			alice.Says("ping 2")
			net.Clock.Advance(away)
			bot.Start()
			alice.Hears("pong 2").HearsNothing()
			require.Equal(t, 1, len(bot.Health()))
		})
	}
}
