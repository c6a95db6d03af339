package nostrbot_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

const timedOut = "I waited for a while and stopped here. Please start again when you like."

// quiz asks a and then b; each step lasts a minute. onTimeout is of both.
func quiz(onTimeout nostrbot.StepFunc[int]) (*nostrbot.Flow[int], func(*nostrbot.Bot)) {
	step := func(name string, next nostrbot.Next) nostrbot.Step[int] {
		return nostrbot.Step[int]{
			Name: name, Prompt: name + "?", Within: time.Minute, OnTimeout: onTimeout,
			On: nostrbot.Signals[int]{"hint": nostrbot.End[int]("hint")},
			Text: func(_ context.Context, c *nostrbot.Chat[int]) (nostrbot.Next, error) {
				if c.Text != name {
					return nostrbot.Again, nil
				}
				c.Reply("right")
				return next, nil
			},
		}
	}
	f := nostrbot.NewFlow("quiz", step("a", nostrbot.Go("b")), step("b", nostrbot.Done))
	return f, func(b *nostrbot.Bot) {
		b.Flow("quiz", "", f)
		b.Fallback(nostrbot.Say("fallback"))
	}
}

func TestFlowTimeout_CountsFromEntering(t *testing.T) {
	t.Parallel()
	_, wire := quiz(nil)
	r := rehearse(wire)
	defer r.close()
	r.expect(t, "/quiz", "a?")
	require.Empty(t, r.wait(59*time.Second))
	r.expect(t, "x", "a?") // does not prolong it
	require.Equal(t, []string{timedOut}, r.wait(time.Second))
	require.Empty(t, r.wait(time.Hour))
	r.expect(t, "a", "fallback")

	r.expect(t, "/quiz", "a?")
	require.Empty(t, r.wait(59*time.Second))
	r.expect(t, "a", "right", "b?") // a new step, a new minute
	require.Empty(t, r.wait(59*time.Second))
	require.Equal(t, []string{timedOut}, r.wait(time.Second))
}

func TestFlowTimeout_OnTimeoutDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		next  nostrbot.Next
		first []string // after a minute
		later []string // after another
	}{
		"again": {nostrbot.Again, []string{"late", "a?"}, []string{"late", "a?"}},
		"stay":  {nostrbot.Stay, []string{"late"}, nil},
		"go":    {nostrbot.Go("b"), []string{"late", "b?"}, []string{"late", "b?"}},
		"done":  {nostrbot.Done, []string{"late"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, wire := quiz(func(_ context.Context, chat *nostrbot.Chat[int]) (nostrbot.Next, error) {
				chat.Reply("late")
				return c.next, nil
			})
			r := rehearse(wire)
			defer r.close()
			r.expect(t, "/quiz", "a?")
			require.Equal(t, c.first, r.wait(time.Minute))
			require.Empty(t, r.wait(59*time.Second))
			require.Equal(t, c.later, r.wait(time.Second))
			r.hear("back")
		})
	}
}

// A bot that was away past a deadline: what was sent in time is in time.
func TestFlowTimeout_AfterADowntime(t *testing.T) {
	t.Parallel()
	_, wire := quiz(nil)
	r := rehearse(wire)
	defer r.close()
	start := r.clock.Now()
	r.expect(t, "/quiz", "a?")
	r.clock.advance(time.Hour)
	_, wire = quiz(nil)
	r.restart(wire)
	require.Equal(t, []string{"a?"}, r.hearAt("x", start.Add(30*time.Second)))
	require.Equal(t, []string{"right", "b?"}, r.hearAt("a", start.Add(time.Minute)))
	require.Empty(t, r.wait(59*time.Second)) // the new step lasts from now on

	// And what was sent too late finds the run timed out, even if nobody has
	// come to say so: two commits, in this order.
	r.clock.advance(2 * time.Second)
	require.Equal(t, []string{timedOut, "fallback"}, r.hear("b"))
	require.Empty(t, r.wait(time.Minute))
}

func TestFlowTimeout_SignalsComeFirstOrNotAtAll(t *testing.T) {
	t.Parallel()
	var key string
	f, wire := quiz(nil)
	f.Begin(func(_ context.Context, c *nostrbot.Chat[int]) (nostrbot.Next, error) {
		key = c.Key
		return nostrbot.Go("a"), nil
	})
	r := rehearse(wire)
	defer r.close()
	r.expect(t, "/quiz", "a?")
	r.clock.advance(time.Hour) // nobody has said that it is too late
	require.NoError(t, f.Signal(t.Context(), key, "hint"))
	require.Equal(t, []string{"hint"}, r.replies())
	require.Empty(t, r.wait(0))

	r.expect(t, "/quiz", "a?")
	require.Equal(t, []string{timedOut}, r.wait(time.Minute))
	require.ErrorIs(t, f.Signal(t.Context(), key, "hint"), nostrbot.ErrNoRun)
}

// What keeps failing ends the run with an apology, as a message ends.
func TestFlowTimeout_ThatKeepsFailing(t *testing.T) {
	t.Parallel()
	_, wire := quiz(func(_ context.Context, c *nostrbot.Chat[int]) (nostrbot.Next, error) {
		c.Reply("must not leave")
		return nostrbot.Next{}, errors.New("boom")
	})
	r := rehearse(wire, func(c *nostrbot.Config) { c.Sorry = "sorry" })
	defer r.close()
	r.expect(t, "/quiz", "a?")
	require.Equal(t, []string{"sorry"}, r.wait(time.Minute))
	require.Len(t, r.failed, 1)
	r.expect(t, "a", "fallback")
}

func TestFlowTimeout_OldRunsAreGone(t *testing.T) {
	t.Parallel()
	c := newCafe()
	r := rehearse(c.wire)
	defer r.close()
	old := c.pay(t, r, "latte")
	r.clock.advance(nostrbot.SessionTTL / 2)
	young := c.pay(t, r, "espresso") // the conversation lives on, the first run does not
	r.clock.advance(nostrbot.SessionTTL / 2)
	require.ErrorIs(t, c.orders.Signal(t.Context(), old, "settled"), nostrbot.ErrNoRun)
	require.NoError(t, c.orders.Signal(t.Context(), young, "settled"))
	require.Equal(t, []string{"paid espresso", "where?"}, r.replies())
	r.expect(t, "home", "coming")
	r.expect(t, "cancel", `fallback "cancel"`) // the record has forgotten it, too
}

// The Store knows a run that the record does not: it must not wake us for ever.
func TestFlowTimeout_RunWithoutARecord(t *testing.T) {
	t.Parallel()
	_, wire := quiz(nil)
	r := rehearse(wire)
	defer r.close()
	now := r.clock.Now()
	require.NoError(t, r.store.Commit(t.Context(), nostrbot.Batch{
		Customer: r.alice, Rev: nostrbot.AnyRev, Now: now, Runs: []nostrbot.Run{{Key: "lost", Customer: r.alice, WakeAt: now}},
	}))
	require.Empty(t, r.wait(time.Second))
	due, err := r.store.Due(t.Context(), r.clock.Now(), 10)
	require.NoError(t, err)
	require.Empty(t, due)
}
