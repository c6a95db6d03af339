package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

// faultyStore answers the first Commits with errors: before it committed, or
// after.
type faultyStore struct {
	nostrbot.Store
	before, after atomic.Int32 // how many more
	err           error
}

func (s *faultyStore) Commit(ctx context.Context, b nostrbot.Batch) error {
	if s.before.Add(-1) >= 0 {
		return s.err
	}
	err := s.Store.Commit(ctx, b)
	if err == nil && s.after.Add(-1) >= 0 {
		return s.err
	}
	return err
}

func TestBot_CommitThatFailedOrSeemedToIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*faultyStore{
		"disk full, then not":     {err: errors.New("disk full")},
		"somebody else was first": {err: nostrbot.ErrConflict},
	} {
		for where, counter := range map[string]*atomic.Int32{"before": &s.before, "after": &s.after} {
			t.Run(name+"/"+where, func(t *testing.T) {
				n := newNet(t)
				s.Store = nostrbot.NewMemory()
				counter.Store(2)
				var runs atomic.Int32
				n.run(t, nostrbot.Config{Store: s}, func(b *nostrbot.Bot) {
					ping(b)
					b.Command("count", "", nostrbot.WithState("n", func(_ context.Context, c *nostrbot.Chat[int]) error {
						runs.Add(1)
						*c.State++
						c.Replyf("%d", *c.State)
						return nil
					}))
				})
				alice := n.person(t)
				alice.says("count", dm.NIP17)
				alice.hears("1")
				alice.says("/count", dm.NIP17)
				alice.hears("2")
				alice.hearsNothing(dm.NIP17)
				counter.Store(0)
			})
		}
	}
}

func TestBot_LostOKIsPublishedAgainAndHeardOnce(t *testing.T) {
	t.Parallel()
	for _, via := range protocols {
		t.Run(string(via), func(t *testing.T) {
			t.Parallel()
			n := newNet(t)
			started, release := make(chan struct{}), make(chan struct{})
			store := nostrbot.NewMemory()
			n.run(t, nostrbot.Config{Store: store}, func(b *nostrbot.Bot) {
				ping(b)
				b.Command("wait", "", func(_ context.Context, m *nostrbot.Message) error {
					close(started)
					<-release
					m.Reply("waited")
					return nil
				})
			})
			alice := n.person(t)
			asked := alice.says("wait", via)
			<-started
			n.Faults.CutBeforeOK(1) // the next event, which is the bot's, is stored but not confirmed
			close(release)
			m := alice.hears("waited")
			alice.hearsNothing(via)
			alice.mu.Lock()
			defer alice.mu.Unlock()
			require.Equal(t, 1, alice.seen[m.ID])
			ps, err := store.ParcelsFor(t.Context(), alice.me, asked)
			require.NoError(t, err)
			require.Len(t, ps, 1)
			p := ps[0]
			require.Equal(t, m.ID, p.ID)
			require.Equal(t, nostrbot.ParcelSent, p.State)
			require.Positive(t, p.Attempts, "the first try was not counted as delivered")
			require.Len(t, p.Receipts, 1)
		})
	}
}

func TestBot_RefusedForGoodIsGivenUpAndOthersGoOn(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store := nostrbot.NewMemory()
	started, release := make(chan struct{}), make(chan struct{})
	n.run(t, nostrbot.Config{Store: store}, func(b *nostrbot.Bot) {
		ping(b)
		b.Command("wait", "", func(_ context.Context, m *nostrbot.Message) error {
			close(started)
			<-release
			m.Reply("refused")
			return nil
		})
	})
	alice := n.person(t)
	alice.says("wait", dm.NIP17)
	<-started
	alice.says("ping", dm.NIP17)
	n.Faults.RefuseNextEvents(2, "blocked: not here") // asked on the customer's relay, and on all
	close(release)
	alice.hears("pong")
}

// Two bots with one key on one store: a message is committed by one of them.
func TestBot_TwoOnOneStoreAnswerOnce(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store := nostrbot.NewMemory()
	count := func(b *nostrbot.Bot) {
		ping(b)
		b.Command("count N", "", nostrbot.WithState("n", func(_ context.Context, c *nostrbot.Chat[int]) error {
			*c.State++
			c.Replyf("%s is %d", c.Arg("N"), *c.State)
			return nil
		}))
	}
	n.run(t, nostrbot.Config{Store: store}, count)
	n.run(t, nostrbot.Config{Store: store}, count)
	alice := n.person(t)
	for i := range 20 {
		alice.says(fmt.Sprintf("count %d", i), dm.NIP17)
		alice.hears(fmt.Sprintf("%d is %d", i, i+1))
	}
	alice.hearsNothing(dm.NIP17)
}

func TestBot_StuckHandlerEndsWithItsTimeout(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{Timeout: 10 * time.Millisecond, Attempts: 1, Sorry: "sorry"}, func(b *nostrbot.Bot) {
		ping(b)
		b.Command("hang", "", func(ctx context.Context, _ *nostrbot.Message) error {
			<-ctx.Done()
			return ctx.Err()
		})
	})
	alice := n.person(t)
	alice.says("hang", dm.NIP17)
	alice.hears("sorry")
	alice.hearsNothing(dm.NIP17)
}

func TestBot_GraceEndsHandlersThatDoNot(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store := nostrbot.NewMemory()
	started := make(chan struct{}, 1)
	_, stop := n.run(t, nostrbot.Config{Store: store, Grace: 10 * time.Millisecond}, func(b *nostrbot.Bot) {
		b.Command("hang", "", func(ctx context.Context, _ *nostrbot.Message) error {
			started <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
	})
	alice := n.person(t)
	alice.says("hang", dm.NIP17)
	<-started
	stop()
	// Not handled, so not lost.
	n.run(t, nostrbot.Config{Store: store}, func(b *nostrbot.Bot) { ping(b); b.Command("hang", "", nostrbot.Say("now")) })
	alice.hears("now")
	alice.hearsNothing(dm.NIP17)
}

func TestBot_SendThatSeemedToFailIsHeardOnce(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	s := &faultyStore{Store: nostrbot.NewMemory(), err: errors.New("disk full")}
	bot, _ := n.run(t, nostrbot.Config{Store: s}, ping)
	alice := n.person(t)
	alice.says("ping", dm.NIP17)
	alice.hears("pong")
	s.after.Store(1)
	require.ErrorContains(t, bot.Send(t.Context(), alice.me, "news", "k"), "disk full")
	require.NoError(t, bot.Send(t.Context(), alice.me, "news", "k"))
	alice.hears("news")
	alice.hearsNothing(dm.NIP17)
}
