package nostrbot_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

const outdated = "I was changed meanwhile and cannot go on where we were, sorry. Please start again."

// edition is the flow as one version of the bot has it. The runs tell their
// keys when they begin.
func edition[S any](step string, within time.Duration) *nostrbot.Flow[S] {
	return nostrbot.NewFlow("f", nostrbot.Step[S]{
		Name: step, Prompt: step + "?", Within: within,
		Text: func(_ context.Context, c *nostrbot.Chat[S]) (nostrbot.Next, error) {
			raw, err := json.Marshal(c.State)
			c.Reply(step + " " + string(raw))
			return nostrbot.Go(step), err
		},
		On: nostrbot.Signals[S]{"done": nostrbot.End[S]("done")},
	}).Begin(func(_ context.Context, c *nostrbot.Chat[S]) (nostrbot.Next, error) {
		c.Reply(c.Key)
		return nostrbot.Go(step), nil
	})
}

func declare(f nostrbot.AnyFlow) func(*nostrbot.Bot) {
	return func(b *nostrbot.Bot) {
		b.Flow("f", "", f)
		b.Fallback(nostrbot.Say("fallback"))
	}
}

func countUp(old nostrbot.Stored) (string, []int, error) {
	var n int
	err := json.Unmarshal(old.State, &n)
	return "new", []int{n, old.Version}, err
}

func TestFlowVersion_UpgradeCarriesRunsOver(t *testing.T) {
	t.Parallel()
	r := rehearse(declare(edition[int]("old", 0)))
	defer r.close()
	key := r.hear("/f")[0]
	r.expect(t, "x", "old 0", "old?")

	next := edition[[]int]("new", time.Minute).Version(3, countUp)
	r.restart(declare(next))
	r.expect(t, "back", "There is no way back from here.", "new?") // not past the upgrade
	r.expect(t, "x", "new [0,0]", "new?")
	require.NoError(t, next.Signal(t.Context(), key, "done")) // the key is the same
	require.Equal(t, []string{"done"}, r.replies())
}

// A signal may be the first that happens after the upgrade, and so may a
// timeout, which the older version did not know.
func TestFlowVersion_WhateverComesFirst(t *testing.T) {
	t.Parallel()
	r := rehearse(declare(edition[int]("old", time.Hour)))
	defer r.close()
	key := r.hear("/f")[0]
	r.hear("/f")
	next := edition[[]int]("new", time.Minute).Version(1, countUp)
	r.restart(declare(next))
	require.NoError(t, next.Signal(t.Context(), key, "done"))
	require.Equal(t, []string{"done"}, r.replies())
	require.Equal(t, []string{timedOut}, r.wait(time.Hour)) // the second run's deadline is what it was
}

// Where a run cannot be carried over, the customer hears it once, and whoever
// signals hears ErrNoRun.
func TestFlowVersion_WhatCannotGoOnEnds(t *testing.T) {
	t.Parallel()
	fails := func(nostrbot.Stored) (string, int, error) { return "", 0, errors.New("boom") }
	panics := func(nostrbot.Stored) (string, int, error) { panic("boom") }
	leadsNowhere := func(nostrbot.Stored) (string, int, error) { return "nowhere", 0, nil }
	for name, next := range map[string]*nostrbot.Flow[int]{
		"no upgrade":         edition[int]("old", 0).Version(3, nil),
		"upgrade fails":      edition[int]("old", 0).Version(3, fails),
		"upgrade panics":     edition[int]("old", 0).Version(3, panics),
		"upgrade to nowhere": edition[int]("old", 0).Version(3, leadsNowhere),
		"step is gone":       edition[int]("new", 0).Version(2, nil),
		"older again":        edition[int]("old", 0).Version(1, nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rehearse(declare(edition[int]("old", time.Hour).Version(2, nil)))
			defer r.close()
			key := r.hear("/f")[0]
			r.restart(declare(next))
			require.ErrorIs(t, next.Signal(t.Context(), key, "done"), nostrbot.ErrNoRun)
			require.Equal(t, []string{outdated}, r.replies())
			require.Empty(t, r.wait(time.Hour))
			r.expect(t, "x", "fallback")
		})
	}
	t.Run("flow is gone", func(t *testing.T) {
		t.Parallel()
		r := rehearse(declare(edition[int]("old", time.Hour)))
		defer r.close()
		r.hear("/f")
		r.restart(func(b *nostrbot.Bot) { b.Fallback(nostrbot.Say("fallback")) })
		r.expect(t, "x", outdated, "fallback")
		r.expect(t, "x", "fallback")
	})
}

// A state that does not decode is a mistake that the author can mend: nothing
// is lost meanwhile, and the customer can leave.
func TestFlowVersion_ForgottenVersionKeepsTheRun(t *testing.T) {
	t.Parallel()
	r := rehearse(declare(edition[int]("same", 0)), func(c *nostrbot.Config) { c.Sorry = "sorry" })
	defer r.close()
	key := r.hear("/f")[0]
	wrong := edition[[]int]("same", 0)
	r.restart(declare(wrong))
	require.Equal(t, []string{"sorry"}, r.hear("x"))
	require.ErrorContains(t, r.failed[0], "read the state")
	require.ErrorContains(t, wrong.Signal(t.Context(), key, "done"), "read the state")
	mended := edition[int]("same", 0)
	r.restart(declare(mended))
	r.expect(t, "x", "same 0", "same?")
	r.expect(t, "cancel", "Cancelled.")
}

// A step that has no limit any more does not time out.
func TestFlowVersion_LimitIsTakenAway(t *testing.T) {
	t.Parallel()
	r := rehearse(declare(edition[int]("old", time.Hour)))
	defer r.close()
	r.hear("/f")
	r.restart(declare(edition[[]int]("new", 0).Version(1, countUp)))
	require.Empty(t, r.wait(time.Hour))
	r.expect(t, "x", "new [0,0]", "new?")
}
