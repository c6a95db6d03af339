package nostrbot_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

func TestFlowSignal_OncePerRunAndEvent(t *testing.T) {
	t.Parallel()
	c := newCafe()
	r := rehearse(c.wire)
	defer r.close()
	key := c.pay(t, r, "latte")
	for range 2 {
		require.NoError(t, c.orders.Signal(t.Context(), key, "settled"))
	}
	require.Equal(t, []string{"paid latte", "where?"}, r.replies())
	require.ErrorIs(t, c.orders.Signal(t.Context(), key, "seen"), nostrbot.ErrNotHandled)

	// The run ends; who repeats a signal that was handled must not think that
	// the order never was, also after a restart. Another signal finds no run.
	r.expect(t, "home", "coming")
	c2 := newCafe()
	r.restart(c2.wire)
	require.NoError(t, c2.orders.Signal(t.Context(), key, "settled"))
	require.ErrorIs(t, c2.orders.Signal(t.Context(), key, "seen"), nostrbot.ErrNoRun)
	require.Empty(t, r.replies())

	r.clock.advance(nostrbot.SessionTTL)
	require.ErrorIs(t, c2.orders.Signal(t.Context(), key, "settled"), nostrbot.ErrNoRun)
}

func TestFlowSignal_ThatFoundNothingMayComeAgain(t *testing.T) {
	t.Parallel()
	early := nostrbot.NewFlow("early",
		nostrbot.Step[string]{Name: "wait", Text: func(_ context.Context, c *nostrbot.Chat[string]) (nostrbot.Next, error) {
			*c.State = c.Key
			c.Reply(c.Key)
			return nostrbot.Go("pay"), nil
		}},
		nostrbot.Step[string]{Name: "pay", On: nostrbot.Signals[string]{"settled": nostrbot.End[string]("paid")}},
	).Begin(func(_ context.Context, c *nostrbot.Chat[string]) (nostrbot.Next, error) {
		c.Reply(c.Key)
		return nostrbot.Go("wait"), nil
	})
	r := rehearse(func(b *nostrbot.Bot) { b.Flow("early", "", early) })
	defer r.close()
	key := r.hear("/early")[0]
	require.ErrorIs(t, early.Signal(t.Context(), key, "settled"), nostrbot.ErrNotHandled)
	r.expect(t, "go", key) // the same key in all steps
	require.NoError(t, early.Signal(t.Context(), key, "settled"))
	require.Equal(t, []string{"paid"}, r.replies())
}

func TestFlowSignal_OfAnotherFlowFindsNoRun(t *testing.T) {
	t.Parallel()
	c := newCafe()
	other := nostrbot.NewFlow("other", nostrbot.Step[int]{Name: "a", On: nostrbot.Signals[int]{"settled": nostrbot.End[int]("x")}})
	r := rehearse(func(b *nostrbot.Bot) {
		c.wire(b)
		b.Flow("other", "", other)
	})
	defer r.close()
	key := c.pay(t, r, "latte")
	require.ErrorIs(t, other.Signal(t.Context(), key, "settled"), nostrbot.ErrNoRun)
	require.ErrorContains(t, c.orders.Signal(t.Context(), "Not a key", "settled"), "1 to 40 of [a-z0-9-]")
	require.ErrorContains(t, c.orders.Signal(t.Context(), key, ""), "1 to 64 bytes")
	require.NoError(t, c.orders.Signal(t.Context(), key, "settled"))
}

func TestFlowSignal_FailedKeepsNothingAndIsTheCallers(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	var tries atomic.Int32
	var key string
	f := nostrbot.NewFlow("f",
		nostrbot.Step[int]{Name: "pay", On: nostrbot.Signals[int]{"settled": func(_ context.Context, c *nostrbot.Chat[int]) (nostrbot.Next, error) {
			*c.State++
			c.Replyf("paid %d", *c.State)
			if tries.Add(1) == 1 {
				return nostrbot.Done, boom
			}
			return nostrbot.Done, nil
		}}},
	).Begin(func(_ context.Context, c *nostrbot.Chat[int]) (nostrbot.Next, error) {
		key = c.Key
		return nostrbot.Go("pay"), nil
	})
	r := rehearse(func(b *nostrbot.Bot) { b.Flow("f", "", f) })
	defer r.close()
	r.expect(t, "/f")
	require.ErrorIs(t, f.Signal(t.Context(), key, "settled"), boom)
	require.Empty(t, r.replies())
	require.Len(t, r.failed, 1)
	require.NoError(t, f.Signal(t.Context(), key, "settled"))
	require.Equal(t, []string{"paid 1"}, r.replies())
}

// An invoice is paid while the turn that made it has not committed, and fails
// once: the signal waits until there is a run.
func TestFlowSignal_FasterThanTheCommit(t *testing.T) {
	t.Parallel()
	store := &faultyStore{Store: nostrbot.NewMemory(), err: nostrbot.ErrConflict}
	store.before.Store(1)
	keys, paid := make(chan string, 2), make(chan error, 1)
	var f *nostrbot.Flow[int]
	f = nostrbot.NewFlow("f",
		nostrbot.Step[int]{Name: "pay", Prompt: "pay!", On: nostrbot.Signals[int]{"settled": nostrbot.End[int]("paid")}},
	).Begin(func(ctx context.Context, c *nostrbot.Chat[int]) (nostrbot.Next, error) {
		keys <- c.Key
		if len(keys) == 1 {
			go func() { paid <- f.Signal(context.WithoutCancel(t.Context()), c.Key, "settled") }()
		}
		// From within, it would wait for itself.
		if err := f.Signal(ctx, c.Key, "settled"); !errors.Is(err, nostrbot.ErrInMailbox) {
			return nostrbot.Next{}, err
		}
		return nostrbot.Go("pay"), nil
	})
	r := rehearse(func(b *nostrbot.Bot) { b.Flow("f", "", f) }, func(c *nostrbot.Config) { c.Store = store })
	defer r.close()
	first := r.hear("/f")
	require.NoError(t, <-paid)
	require.Equal(t, []string{"pay!", "paid"}, append(first, r.replies()...))
	require.Equal(t, <-keys, <-keys) // both tries had the same
}

// A turn that failed for good leaves no run behind, and no hope of one.
func TestFlowSignal_AfterATurnThatFailed(t *testing.T) {
	t.Parallel()
	var key string
	f := nostrbot.NewFlow("f", nostrbot.Step[int]{Name: "a", On: nostrbot.Signals[int]{"x": nostrbot.End[int]("x")}}).
		Begin(func(_ context.Context, c *nostrbot.Chat[int]) (nostrbot.Next, error) {
			key = c.Key
			return nostrbot.Next{}, errors.New("boom")
		})
	r := rehearse(func(b *nostrbot.Bot) { b.Flow("f", "", f) }, func(c *nostrbot.Config) { c.Sorry = "sorry" })
	defer r.close()
	require.Equal(t, []string{"sorry"}, r.hear("/f"))
	require.ErrorIs(t, f.Signal(t.Context(), key, "x"), nostrbot.ErrNoRun)
}

// Where bots share a store, the turn that begins the run may be another's.
func TestFlowSignal_WaitsForAnotherBotsCommit(t *testing.T) {
	t.Parallel()
	shared := &lateStore{Store: nostrbot.NewMemory()}
	c := newCafe()
	r := rehearse(c.wire, func(cfg *nostrbot.Config) { cfg.Store = shared })
	defer r.close()
	key := c.pay(t, r, "latte")
	shared.hidden.Store(2)
	require.NoError(t, c.orders.Signal(t.Context(), key, "settled"))
	require.Negative(t, shared.hidden.Load())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.orders.Signal(ctx, "unknown", "settled"), context.Canceled)
}

// lateStore is shared by several bots, and shows a run late.
type lateStore struct {
	nostrbot.Store
	hidden atomic.Int32
}

func (s *lateStore) Claim(context.Context, nostrbot.PubKey, string, time.Duration) (time.Duration, error) {
	return 0, nil
}
func (s *lateStore) Release(context.Context, nostrbot.PubKey, string) error { return nil }

func (s *lateStore) Run(ctx context.Context, now time.Time, key string) (nostrbot.Run, bool, error) {
	if s.hidden.Add(-1) >= 0 {
		return nostrbot.Run{}, false, nil
	}
	return s.Store.Run(ctx, now, key)
}
