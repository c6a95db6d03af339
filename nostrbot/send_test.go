package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

func TestBot_SendIsOncePerKey(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	bot := net.Bot(t, pong)
	alice := net.User(t, "alice", nostrbottest.NIP04).Says("ping").Hears("pong")
	for range 3 {
		require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "news", "k1"))
	}
	alice.Hears("news")
	require.Equal(t, dm.NIP04, alice.Last().Via)
	bot.Stop()
	bot.Start()
	require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "news", "k1"))
	alice.HearsNothing()
	require.ErrorContains(t, bot.Send(t.Context(), alice.PubKey(), "x", ""), "key")
	require.ErrorContains(t, bot.Send(t.Context(), alice.PubKey(), "", "k"), "empty")
}

func TestBot_SendToAStrangerGoesBothWays(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	bot := net.Bot(t, pong)
	alice := net.User(t, "alice")
	require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "hello", "k"))
	first, second := alice.Hears("hello").Last().Via, alice.Hears("hello").Last().Via
	require.ElementsMatch(t, []dm.Protocol{dm.NIP17, dm.NIP04}, []dm.Protocol{first, second})
}

func TestBot_SendThatSeemedToFailIsHeardOnce(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	s := &faultyStore{Store: nostrbot.NewMemory(), err: errors.New("disk full")}
	bot := net.Bot(t, pong, func(c *nostrbot.Config) { c.Store = s })
	alice := net.User(t, "alice").Says("ping").Hears("pong")
	s.after.Store(1)
	require.ErrorContains(t, bot.Send(t.Context(), alice.PubKey(), "news", "k"), "disk full")
	require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "news", "k"))
	alice.Hears("news").HearsNothing()
}

func TestBot_DoIsOnePerKeyAndSharesTheMailbox(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	bot := net.Bot(t, func(b *nostrbot.Bot) {
		b.Command("count", "", count)
		b.Command("do", "", func(ctx context.Context, m *nostrbot.Message) error {
			m.Reply(fmt.Sprint(errors.Is(b.Do(ctx, m.From, "x", count), nostrbot.ErrInMailbox)))
			return nil
		})
	})
	alice := net.User(t, "alice").Says("count").Hears("1")
	for range 2 {
		require.NoError(t, bot.Do(t.Context(), alice.PubKey(), "paid", count))
	}
	alice.Hears("2").Says("/count").Hears("3").Says("do").Hears("true")
	wrong := errors.New("wrong")
	err := bot.Do(t.Context(), alice.PubKey(), "fails", func(context.Context, *nostrbot.Message) error { return wrong })
	require.ErrorIs(t, err, wrong)
	alice.HearsNothing()
}
