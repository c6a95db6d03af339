package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/nostrbot"
)

// keptRun is a run in the model.
type keptRun struct {
	nostrbot.Run
	put time.Time
}

// runKeys are the keys of the history's runs, for all its customers.
func (h *history) runKeys() (keys []string) {
	for i := range 4 {
		keys = append(keys, fmt.Sprintf("%x-%d", h.customers[0][:2], i))
	}
	return keys
}

// drawRuns adds runs to be put and to be ended to a batch.
func (h *history) drawRuns(t *rapid.T, b *nostrbot.Batch) {
	b.Ended = rapid.SliceOfN(rapid.SampledFrom(h.runKeys()), 0, 2).Draw(t, "ended")
	for _, key := range rapid.SliceOfN(rapid.SampledFrom(h.runKeys()), 0, 2).Draw(t, "runs") {
		r := nostrbot.Run{Key: key, Customer: b.Customer}
		if rapid.IntRange(0, 3).Draw(t, "wakes") > 0 {
			r.WakeAt = h.now.Add(rapid.SampledFrom([]time.Duration{
				-time.Hour, 0, instant, time.Hour, nostrbot.SessionTTL - instant, nostrbot.SessionTTL,
			}).Draw(t, "wake after"))
		}
		b.Runs = append(b.Runs, r)
	}
}

// keepRuns does with the model's runs as a batch says.
func (h *history) keepRuns(b nostrbot.Batch) {
	for _, key := range b.Ended {
		if h.runs[key].Customer == b.Customer {
			delete(h.runs, key)
		}
	}
	for _, r := range b.Runs {
		h.runs[r.Key] = keptRun{r, h.now}
	}
}

// compareRuns compares what can be read of this history's runs; the store has
// those of others, too.
func (h *history) compareRuns(t *rapid.T) {
	var want []nostrbot.Run
	for _, key := range h.runKeys() {
		kept, ok := h.runs[key]
		ok = ok && h.now.Sub(kept.put) < nostrbot.SessionTTL
		r, found, err := h.Run(t.Context(), h.now, key)
		require.NoError(t, err)
		require.Equal(t, ok, found, "run %q", key)
		if !ok {
			continue
		}
		require.Equal(t, kept.Run, r)
		if !r.WakeAt.IsZero() && !r.WakeAt.After(h.now) {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(a, b nostrbot.Run) int {
		return cmp.Or(a.WakeAt.Compare(b.WakeAt), cmp.Compare(a.Key, b.Key))
	})
	due, err := h.Due(t.Context(), h.now, 1_000_000)
	require.NoError(t, err)
	due = slices.DeleteFunc(due, func(r nostrbot.Run) bool { return !slices.Contains(h.customers, r.Customer) })
	require.Equal(t, len(want), len(due))
	for i := range want {
		require.Equal(t, want[i], due[i])
	}
}
