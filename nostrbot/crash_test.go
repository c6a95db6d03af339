package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
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
	for name, err := range map[string]error{
		"disk full, then not":     errors.New("disk full"),
		"somebody else was first": nostrbot.ErrConflict,
	} {
		for _, where := range []string{"before", "after"} {
			t.Run(name+"/"+where, func(t *testing.T) {
				t.Parallel()
				net := nostrbottest.New(t)
				s := &faultyStore{Store: nostrbot.NewMemory(), err: err}
				if where == "before" {
					s.before.Store(2)
				} else {
					s.after.Store(2)
				}
				net.Bot(t, func(b *nostrbot.Bot) { b.Command("count", "", count) }, func(c *nostrbot.Config) { c.Store = s })
				net.User(t, "alice").Says("count").Hears("1").Says("/count").Hears("2").HearsNothing()
			})
		}
	}
}

func TestBot_LostOKIsPublishedAgainAndHeardOnce(t *testing.T) {
	t.Parallel()
	for _, client := range clients {
		t.Run(string(client), func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t)
			store := nostrbot.NewMemory()
			wait := newGate("waited")
			net.Bot(t, func(b *nostrbot.Bot) { b.Command("wait", "", wait.handle) }, func(c *nostrbot.Config) { c.Store = store })
			alice := net.User(t, "alice", client).Says("wait")
			<-wait.entered
			net.Relays[0].CutBeforeOK(1) // the next event, which is the bot's, is stored but not confirmed
			close(wait.release)
			asked, heard := alice.SaidID(), alice.Hears("waited").Last()
			alice.HearsNothing()
			ps, err := store.ParcelsFor(t.Context(), alice.PubKey(), asked)
			require.NoError(t, err)
			require.Len(t, ps, 1)
			require.Equal(t, heard.ID, ps[0].ID)
			require.Equal(t, nostrbot.ParcelSent, ps[0].State)
			require.Positive(t, ps[0].Attempts, "the first try was not counted as delivered")
			require.Len(t, ps[0].Receipts, 1)
		})
	}
}

func TestBot_RefusedForGoodIsGivenUpAndOthersGoOn(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	wait := newGate("refused")
	net.Bot(t, func(b *nostrbot.Bot) { pong(b); b.Command("wait", "", wait.handle) })
	alice := net.User(t, "alice").Says("wait")
	<-wait.entered
	alice.Says("ping")
	net.Relays[0].RefuseNext(1, "blocked: not here")
	close(wait.release)
	alice.Hears("pong").HearsNothing()
}

// Two bots with one key on one store: a message is committed by one of them.
func TestBot_TwoOnOneStoreAnswerOnce(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	store := nostrbot.NewMemory()
	for range 2 {
		net.Bot(t, func(b *nostrbot.Bot) { b.Command("count", "", count) }, func(c *nostrbot.Config) { c.Store = store })
	}
	alice := net.User(t, "alice")
	for i := range 20 {
		alice.Says("count").Hears(fmt.Sprint(i + 1))
	}
	alice.HearsNothing()
}
