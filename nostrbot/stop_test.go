package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

func TestBot_StopLetsTheHandlerFinishAndItsReplyLeave(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	entered, release := make(chan struct{}), make(chan struct{})
	bot := net.Bot(t, func(b *nostrbot.Bot) {
		b.Command("slow", "", func(ctx context.Context, m *nostrbot.Message) error {
			close(entered)
			<-release
			m.Reply(fmt.Sprintf("finished, %v", ctx.Err()))
			return nil
		})
	})
	alice := net.User(t, "alice").Says("slow")
	<-entered
	go close(release)
	bot.Stop()
	alice.Hears("finished, <nil>").HearsNothing()
}

func TestBot_GraceEndsHandlersThatDoNot(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	hang := newGate("now")
	bot := net.Bot(t, func(b *nostrbot.Bot) { b.Command("hang", "", hang.handle) },
		func(c *nostrbot.Config) { c.Grace = 10 * time.Millisecond })
	alice := net.User(t, "alice").Says("hang")
	<-hang.entered
	bot.Stop()
	close(hang.release)
	alice.HearsNothing()
	bot.Start() // not handled, so not lost
	alice.Hears("now").HearsNothing()
}

// ErrAbort has no grace: with a minute of it, a stop would take a minute.
func TestBot_AbortWaitsForNothing(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	hang := newGate("never")
	bot, err := nostrbot.New(nostrbot.Config{Signer: nostrbot.Nsec(net.Key("bot")), Relays: net.URLs(), Grace: time.Hour})
	require.NoError(t, err)
	bot.Command("hang", "", hang.handle)
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() { ended <- bot.Run(ctx) }()
	alice := net.User(t, "alice").Says("hang")
	<-hang.entered
	cancel(nostrbot.ErrAbort)
	require.NoError(t, <-ended)
	alice.HearsNothing()
}

func TestBot_ReplySurvivesTheBot(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	bot := net.Bot(t, pong, func(c *nostrbot.Config) { c.Grace = 100 * time.Millisecond })
	alice := net.User(t, "alice")
	bot.CrashAt(nostrbottest.AfterCommit)
	alice.Says("ping")
	bot.Crashed()
	net.Relays[0].RefuseReplies("error: disk full")
	bot.Start()
	bot.Stop()
	alice.HearsNothing()
	net.Relays[0].Heal()
	bot.Start()
	alice.Hears("pong").HearsNothing()
}

func TestBot_RunnerThatFailsEndsTheRun(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	bot, err := nostrbot.New(nostrbot.Config{Signer: nostrbot.Nsec(net.Key("bot")), Relays: net.URLs()})
	require.NoError(t, err)
	broken := errors.New("broken")
	require.ErrorIs(t, bot.Run(t.Context(), runner(func(context.Context) error { return broken })), broken)
	require.Panics(t, func() { bot.Command("late", "", nostrbot.Say("x")) })
}

type runner func(context.Context) error

func (r runner) Run(ctx context.Context) error { return r(ctx) }
