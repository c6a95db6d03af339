package redisstore_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/redistest"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// share starts a bot of the net's on a server that it shares with others, until
// stop or the end of the test.
func share(t *testing.T, net *nostrbottest.Net, server *redistest.Server, cfg nostrbot.Config, wire func(*nostrbot.Bot)) (bot *nostrbot.Bot, stop func()) {
	t.Helper()
	store := open(t, server.URL, "bot")
	cfg.Signer, cfg.Relays, cfg.Store = nostrbot.Nsec(net.Key("bot")), net.URLs(), store
	bot, err := nostrbot.New(cfg)
	require.NoError(t, err)
	wire(bot)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- bot.Run(ctx) }()
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(nostrbottest.Patience):
			t.Error("Run did not return")
		}
	}
	t.Cleanup(stop)
	return bot, stop
}

// Of two bots on one server one runs the handler, once. One that stops hands
// its customers over at once: the lease is far longer than the test waits.
func TestShare_OneHandles(t *testing.T) {
	t.Parallel()
	net, server := nostrbottest.New(t), redistest.Start(t)
	var runs atomic.Int64
	count := func(b *nostrbot.Bot) {
		b.Command("count N", "", nostrbot.WithState("n", func(_ context.Context, c *nostrbot.Chat[int]) error {
			runs.Add(1)
			*c.State++
			c.Replyf("%s is %d", c.Arg("N"), *c.State)
			return nil
		}))
	}
	cfg := nostrbot.Config{Lease: time.Hour}
	one, stopOne := share(t, net, server, cfg, count)
	two, stopTwo := share(t, net, server, cfg, count)
	var users []*nostrbottest.User
	for i := range 5 {
		users = append(users, net.User(t, fmt.Sprint("user ", i)))
	}
	const messages = 8
	for n := range messages {
		if n == messages/2 {
			stopOne()
		}
		for _, u := range users {
			u.Says(fmt.Sprint("count ", n))
		}
		for _, u := range users {
			u.Hears(fmt.Sprintf("%d is %d", n, n+1))
		}
	}
	require.EqualValues(t, messages*len(users), runs.Load())

	// What comes from outside has its turn in either.
	three, _ := share(t, net, server, cfg, count)
	stopTwo()
	ctx, cancel := context.WithTimeout(t.Context(), nostrbottest.Patience)
	defer cancel()
	for range 2 {
		require.NoError(t, three.Do(ctx, net.PubKey("user 0"), "paid", nostrbot.Say("paid")))
	}
	users[0].Hears("paid")
	for _, b := range []*nostrbot.Bot{one, two} {
		require.ErrorIs(t, b.Do(ctx, net.PubKey("user 0"), "late", nostrbot.Say("late")), nostrbot.ErrStopping)
	}
	for _, u := range users {
		u.HearsNothing()
	}
}

// Who waits for a customer of another process holds up nobody else.
func TestShare_WaitingTakesNoSlot(t *testing.T) {
	t.Parallel()
	net, server := nostrbottest.New(t), redistest.Start(t)
	var running atomic.Int64
	begun, release := make(chan struct{}), make(chan struct{})
	wire := func(b *nostrbot.Bot) {
		b.Command("wait", "", func(_ context.Context, m *nostrbot.Message) error {
			running.Add(1)
			begun <- struct{}{}
			<-release
			m.Reply("waited")
			return nil
		})
		b.Command("ping N", "", nostrbot.Say("pong"))
	}
	cfg := nostrbot.Config{Lease: time.Second, Parallel: 1}
	share(t, net, server, cfg, wire)
	share(t, net, server, cfg, wire)
	alice, bob := net.User(t, "alice"), net.User(t, "bob")
	alice.Says("wait")
	<-begun // in one of them; it can do no other work
	for i := range 3 {
		bob.Says(fmt.Sprint("ping ", i)).Hears("pong")
	}
	alice.Says("ping 1")
	<-time.After(1200 * time.Millisecond) // longer than the lease, which is prolonged
	bob.Says("ping 4").Hears("pong")
	require.EqualValues(t, 1, running.Load(), "the other took over from who was at work")
	close(release)
	alice.Hears("waited").Hears("pong").HearsNothing()
	bob.HearsNothing()
}

// A reply that no relay takes is waited for by whoever wrote it, and sent by
// anybody when that one stops.
func TestShare_OutboxIsHandedOver(t *testing.T) {
	t.Parallel()
	net, server := nostrbottest.New(t), redistest.Start(t)
	ping := func(b *nostrbot.Bot) { b.Command("ping", "", nostrbot.Say("pong")) }
	cfg := nostrbot.Config{Lease: time.Second, Grace: time.Second}
	_, stop := share(t, net, server, cfg, ping)
	alice := net.User(t, "alice")
	alice.Says("ping").Hears("pong")
	store := open(t, server.URL, "bot")
	net.Relays[0].Refuse("error: try later")
	two, _ := share(t, net, server, cfg, ping)
	require.NoError(t, two.Send(t.Context(), net.PubKey("alice"), "news", "k"))
	require.Eventually(t, func() bool {
		parcels, err := store.ParcelsFor(t.Context(), net.PubKey("alice"), "send:k")
		return err == nil && len(parcels) == 1 && parcels[0].Attempts > 0
	}, nostrbottest.Patience, 5*time.Millisecond)
	stop()
	net.Relays[0].Heal()
	alice.Hears("news").HearsNothing()
}
