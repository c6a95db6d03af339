package nostrbot_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

func canaries(c *nostrbot.Config) { c.Canary = time.Minute }

// quickCanary waits for a canary for as long as it takes, or hardly at all.
func quickCanary(limit time.Duration) func(*nostrbot.Bot) {
	return func(b *nostrbot.Bot) {
		pong(b)
		b.SetCanaryLimit(limit)
	}
}

func deaf(bot *nostrbottest.Bot) bool { return bot.Health()[0].Deaf }

// toBot is what a relay was sent for the bot.
func toBot(r *devrelay.Relay, bot *nostrbottest.Bot) int { return len(dms(r, bot.PubKey())) }

func TestCanary_ComesBackAndIsNotHandled(t *testing.T) {
	t.Parallel()
	one, two := startRelay(t), startRelay(t)
	net := nostrbottest.New(t, nostrbottest.Over(one.URL(), two.URL()))
	var handled atomic.Int32
	bot := net.Bot(t, func(b *nostrbot.Bot) {
		b.SetCanaryLimit(patience)
		b.Use(func(next nostrbot.Handler) nostrbot.Handler {
			return func(ctx context.Context, m *nostrbot.Message) error {
				handled.Add(1)
				return next(ctx, m)
			}
		})
		pong(b)
	}, canaries)
	for i := range 3 {
		passes(t, net, 10*time.Second, func() bool { return toBot(one, bot) > i && toBot(two, bot) > i })
	}
	for _, r := range []*devrelay.Relay{one, two} {
		canary := dms(r, bot.PubKey())[0]
		require.Equal(t, 1059, canary.Kind)
		require.NotEqual(t, bot.PubKey().String(), canary.PubKey)
		require.NotNil(t, canary.Tags.Find("expiration"))
	}
	alice := net.User(t, "alice").Says("ping").Hears("pong")
	require.EqualValues(t, 1, handled.Load())
	bot.Stop()
	bot.Start() // what is stored is not handled either
	alice.Says("ping").Hears("pong")
	require.EqualValues(t, 2, handled.Load())
	for _, leg := range bot.Health() {
		require.False(t, leg.Deaf)
	}
}

// A relay that keeps the subscription, and delivers nothing: nothing but the
// canary shows it.
func TestCanary_DeafLegIsRepairedAndShown(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	bot := net.Bot(t, quickCanary(200*time.Millisecond), canaries)
	alice := net.User(t, "alice").Says("ping 1").Hears("pong 1")
	own.Faults.WithholdLive(true)
	connections := own.Count(devrelay.Connected)
	alice.Says("ping 2") // never comes by itself
	require.True(t, bot.Health()[0].Live)
	passes(t, net, 10*time.Second, func() bool { return deaf(bot) })
	require.False(t, bot.Health()[0].Live)
	_, err := own.Wait(t.Context(), devrelay.Connected, connections+1)
	require.NoError(t, err)
	reply := func() bool { return len(dms(own, alice.PubKey())) == 2 }
	require.Eventually(t, reply, patience, time.Millisecond, "fetched by the fresh REQ")
	require.True(t, deaf(bot), "until a canary came live")
	own.Faults.WithholdLive(false)
	passes(t, net, 10*time.Second, func() bool { return !deaf(bot) && bot.Health()[0].Live })
	alice.Says("ping 3").Hears("pong 3")
}

// What says nothing about the subscription changes nothing.
func TestCanary_RefusedIsNoConclusion(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	bot := net.Bot(t, quickCanary(time.Millisecond), canaries)
	net.User(t, "alice").Says("ping").Hears("pong")
	own.Faults.RefuseEvents("restricted: members only")
	seen := own.Count(devrelay.EVENT)
	for i := range 3 {
		passes(t, net, 10*time.Second, func() bool { return own.Count(devrelay.EVENT) > seen+i })
		require.False(t, deaf(bot))
	}
	require.Equal(t, 2, own.Count(devrelay.Connected), "the bot's and alice's, nothing was made anew")
}
