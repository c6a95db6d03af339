package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

var runTests = map[string]func(*testing.T, *handle){
	"run looked up":            testRun,
	"run put again":            testRunAgain,
	"run ended":                testRunEnded,
	"refused leaves the runs":  testRunRefused,
	"runs due":                 testDue,
	"runs due by the page":     testDuePages,
	"runs of all customers":    testDueCustomers,
	"run is forgotten":         testRunAge,
	"what is old wakes nobody": testRunRemoved,
	"bad run":                  testBadRun,
	"runs, opened again":       testRunsReopened,
	"one winner puts its run":  testRunRace,
}

// run makes one of alice that wants to be woken after a while.
func run(key string, after time.Duration) nostrbot.Run {
	return nostrbot.Run{Key: key, Customer: alice, WakeAt: start.Add(after)}
}

// puts makes a batch of runs only.
func puts(who nostrbot.PubKey, now time.Time, runs ...nostrbot.Run) nostrbot.Batch {
	b := nostrbot.Batch{Customer: who, Rev: nostrbot.AnyRev, Now: now}
	for _, r := range runs {
		r.Customer = who
		b.Runs = append(b.Runs, r)
	}
	return b
}

func wantRun(t *testing.T, s nostrbot.Runs, now time.Time, want nostrbot.Run) {
	t.Helper()
	r, ok, err := s.Run(t.Context(), now, want.Key)
	require.NoError(t, err, "look up run %q", want.Key)
	require.True(t, ok, "run %q is not there", want.Key)
	require.Equal(t, want, r)
}

func wantNoRun(t *testing.T, s nostrbot.Runs, now time.Time, key string) {
	t.Helper()
	r, ok, err := s.Run(t.Context(), now, key)
	require.NoError(t, err, "look up run %q", key)
	require.False(t, ok, "run %q is there", key)
	require.Equal(t, nostrbot.Run{}, r)
}

// due returns the keys of all runs that are due.
func due(t *testing.T, s nostrbot.Runs, now time.Time) (keys []string) {
	t.Helper()
	runs, err := s.Due(t.Context(), now, 10_000)
	require.NoError(t, err, "due")
	for _, r := range runs {
		keys = append(keys, r.Key)
	}
	return keys
}

func testRun(t *testing.T, s *handle) {
	long := strings.Repeat("z", 40)
	far := run("r1", time.Minute)
	far.WakeAt = far.WakeAt.In(time.FixedZone("far", 5*3600))
	commit(t, s, puts(alice, start, far, nostrbot.Run{Key: "never"}, run(long, -time.Hour), run("-", 0)))
	wantRun(t, s, start, run("r1", time.Minute))
	wantRun(t, s, start, nostrbot.Run{Key: "never", Customer: alice})
	wantRun(t, s, start, run(long, -time.Hour))
	wantRun(t, s, start, run("-", 0))
	for _, key := range []string{"", "r", "r11", "R1", "r1 ", "r1\x00", "*", "never\n", "0", long + "z", "é"} {
		wantNoRun(t, s, start, key)
	}
}

func testRunAgain(t *testing.T, s *handle) {
	commit(t, s, puts(alice, start, run("r1", time.Minute), run("r2", time.Minute)))
	commit(t, s, puts(alice, start, run("r1", time.Hour), run("r2", 0)))
	wantRun(t, s, start, run("r1", time.Hour))
	require.Equal(t, []string{"r2"}, due(t, s, start.Add(time.Minute)), "the older time is void")
	commit(t, s, puts(alice, start, nostrbot.Run{Key: "r1"}, nostrbot.Run{Key: "r2"}))
	wantRun(t, s, start, nostrbot.Run{Key: "r1", Customer: alice})
	require.Empty(t, due(t, s, start.Add(2*time.Hour)))
	commit(t, s, puts(alice, start, run("r1", 1), run("r1", time.Second))) // the last one counts
	wantRun(t, s, start, run("r1", time.Second))
	require.Equal(t, []string{"r1"}, due(t, s, start.Add(time.Second)))
}

func testRunEnded(t *testing.T, s *handle) {
	commit(t, s, puts(alice, start, run("r1", 0), run("r2", 0), run("r3", 0)))
	commit(t, s, puts(bob, start, run("b1", 0)))

	b := puts(alice, start, run("r2", time.Second)) // ended before it is put
	b.Ended = []string{"r1", "r2", "nowhere", "b1", "r1"}
	commit(t, s, b)
	wantNoRun(t, s, start, "r1")
	wantRun(t, s, start, run("r2", time.Second))
	b1 := run("b1", 0)
	b1.Customer = bob
	wantRun(t, s, start, b1)
	require.Equal(t, []string{"b1", "r3"}, due(t, s, start), "an ended run wakes nobody")
	require.Equal(t, []string{"b1", "r3", "r2"}, due(t, s, start.Add(time.Second)))
	commit(t, s, puts(alice, start, run("r1", time.Minute))) // and may come back
	wantRun(t, s, start, run("r1", time.Minute))
}

func testRunRefused(t *testing.T, s *handle) {
	b := puts(alice, start, run("r1", 0))
	b.Done = []string{"m1"}
	commit(t, s, b)
	b = puts(alice, start, run("r1", time.Hour), run("r2", 0))
	b.Ended, b.Rev = []string{"r1"}, 7
	require.ErrorIs(t, s.Commit(t.Context(), b), nostrbot.ErrConflict)
	b.Rev, b.Done = nostrbot.AnyRev, []string{"m1"}
	require.ErrorIs(t, s.Commit(t.Context(), b), nostrbot.ErrDone)
	wantRun(t, s, start, run("r1", 0))
	wantNoRun(t, s, start, "r2")
	require.Equal(t, []string{"r1"}, due(t, s, start.Add(2*time.Hour)))
}

func testDue(t *testing.T, s *handle) {
	commit(t, s, puts(alice, start,
		run("c", time.Second), run("a", 2*time.Second), run("d", time.Second), run("b", time.Second+instant),
		nostrbot.Run{Key: "never"}, run("-", time.Second), run("0", time.Second), run("past", -1000*time.Hour)))
	commit(t, s, puts(bob, start, run("ca", time.Second)))
	require.Equal(t, []string{"past"}, due(t, s, start))
	require.Equal(t, []string{"past"}, due(t, s, start.Add(time.Second-instant)))
	for range 2 { // to be told is not to be done
		require.Equal(t, []string{"past", "-", "0", "c", "ca", "d"}, due(t, s, start.Add(time.Second)), "by time, then by key")
	}
	require.Equal(t, []string{"past", "-", "0", "c", "ca", "d", "b", "a"}, due(t, s, start.Add(time.Hour)))
	runs, err := s.Due(t.Context(), start, 1)
	require.NoError(t, err)
	require.Equal(t, []nostrbot.Run{run("past", -1000*time.Hour)}, runs)
}

func testDuePages(t *testing.T, s *handle) {
	const n = 60
	b := puts(alice, start)
	var want []string
	for i := range n {
		at := time.Duration((i*7)%n/3) * time.Second // three of each time
		b.Runs = append(b.Runs, run(fmt.Sprintf("r%02d", i), at))
	}
	commit(t, s, b)
	slices.SortFunc(b.Runs, func(x, y nostrbot.Run) int {
		if c := x.WakeAt.Compare(y.WakeAt); c != 0 {
			return c
		}
		return strings.Compare(x.Key, y.Key)
	})
	for _, r := range b.Runs {
		want = append(want, r.Key)
	}
	now := start.Add(time.Hour)
	require.Equal(t, want, due(t, s, now))
	for limit := 1; limit <= n+1; limit += 7 {
		runs, err := s.Due(t.Context(), now, limit)
		require.NoError(t, err)
		require.Equal(t, b.Runs[:min(limit, n)], runs)
	}
	for len(want) > 0 { // woken, and put off: the rest comes up
		runs, err := s.Due(t.Context(), now, 7)
		require.NoError(t, err)
		require.Len(t, runs, min(7, len(want)))
		for i, r := range runs {
			require.Equal(t, want[i], r.Key)
			commit(t, s, puts(alice, now, nostrbot.Run{Key: r.Key, WakeAt: now.Add(time.Hour)}))
		}
		want = want[len(runs):]
	}
}

func testDueCustomers(t *testing.T, s *handle) {
	var want []string
	for i := range 40 {
		who := nostrbot.PubKey{0: byte(i * 101), 31: 1}
		key := fmt.Sprintf("r%02d", i)
		commit(t, s, puts(who, start, run(key, time.Duration(i/2)*time.Second)))
		wantRun(t, s, start, nostrbot.Run{Key: key, Customer: who, WakeAt: start.Add(time.Duration(i/2) * time.Second)})
		want = append(want, key)
	}
	require.Equal(t, want, due(t, s, start.Add(time.Minute)))
	runs, err := s.Due(t.Context(), start.Add(10*time.Second), 7)
	require.NoError(t, err)
	require.Len(t, runs, 7)
	for i, r := range runs {
		require.Equal(t, want[i], r.Key)
	}
}

func testRunAge(t *testing.T, s *handle) {
	last, over := start.Add(nostrbot.SessionTTL-instant), start.Add(nostrbot.SessionTTL)
	commit(t, s, puts(alice, start, run("r1", 0), run("r2", 0), run("late", nostrbot.SessionTTL)))
	for i := range 30 { // gives the store a chance to remove too much
		commit(t, s, done(bob, last, fmt.Sprint("m", i)))
	}
	wantRun(t, s, last, run("r1", 0))
	require.Equal(t, []string{"r1", "r2"}, due(t, s, last))
	wantNoRun(t, s, over, "r1")
	require.Empty(t, due(t, s, over), "a run that is forgotten is not woken")

	commit(t, s, puts(alice, last, run("r2", 0))) // slides
	commit(t, s, done(alice, last, "m1"))         // does not
	for i := range 30 {
		commit(t, s, done(bob, over, fmt.Sprint("n", i)))
	}
	require.Equal(t, []string{"r2"}, due(t, s, over))
	wantRun(t, s, last.Add(nostrbot.SessionTTL-instant), run("r2", 0))
	wantNoRun(t, s, last.Add(nostrbot.SessionTTL), "r2")
	commit(t, s, puts(bob, over, run("r1", 0))) // the key is free again
	require.Equal(t, []string{"r1", "r2"}, due(t, s, over))
}

// What is too old does not stand in the way of what is due, and is removed in
// the end: asking for an earlier time does not bring it back.
func testRunRemoved(t *testing.T, s *handle) {
	const n = 60
	b := puts(alice, start)
	for i := range n {
		b.Runs = append(b.Runs, run(fmt.Sprint("r", i), 0))
	}
	commit(t, s, b)
	over := start.Add(nostrbot.SessionTTL)
	commit(t, s, puts(alice, over, run("fresh", time.Hour)))
	runs, err := s.Due(t.Context(), over, 1)
	require.NoError(t, err)
	require.Equal(t, []nostrbot.Run{run("fresh", time.Hour)}, runs)
	for i := 0; len(due(t, s, start)) > 0; i++ {
		require.Less(t, i, n, "each commit must remove some")
		commit(t, s, done(alice, over, fmt.Sprint("m", i)))
	}
	for i := range n {
		wantNoRun(t, s, start, fmt.Sprint("r", i))
	}
}

func testBadRun(t *testing.T, s *handle) {
	good := run("r1", 0)
	for name, spoil := range map[string]func(*nostrbot.Run){
		"no key":      func(r *nostrbot.Run) { r.Key = "" },
		"long key":    func(r *nostrbot.Run) { r.Key = strings.Repeat("a", 41) },
		"capitals":    func(r *nostrbot.Run) { r.Key = "R1" },
		"odd key":     func(r *nostrbot.Run) { r.Key = "r1}" },
		"bob's":       func(r *nostrbot.Run) { r.Customer = bob },
		"no customer": func(r *nostrbot.Run) { r.Customer = nostrbot.PubKey{} },
	} {
		b := write(alice, start, 0, "one")
		bad := run("r2", 0)
		spoil(&bad)
		b.Runs = []nostrbot.Run{good, bad}
		err := s.Commit(t.Context(), b)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, nostrbot.ErrConflict, name)
		wantState(t, s, alice, start, 0, "")
		wantNoRun(t, s, start, "r1")
	}
	for _, limit := range []int{0, -1} {
		_, err := s.Due(t.Context(), start, limit)
		require.Error(t, err, "due, limit %d", limit)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Commit(ended, puts(alice, start, good)), context.Canceled)
	require.Empty(t, due(t, s, start), "nothing was put")
}

func testRunsReopened(t *testing.T, h *handle) {
	if !h.suite.reopens {
		t.Skip("the store forgets at exit")
	}
	commit(t, h, puts(alice, start, run("r1", time.Second), nostrbot.Run{Key: "never"}, run("r2", 0)))
	b := puts(alice, start)
	b.Ended = []string{"r2"}
	commit(t, h, b)
	h.close(t)
	s := h.again(t)
	wantRun(t, s, start, run("r1", time.Second))
	wantRun(t, s, start, nostrbot.Run{Key: "never", Customer: alice})
	wantNoRun(t, s, start, "r2")
	require.Equal(t, []string{"r1"}, due(t, s, start.Add(time.Second)))
}

func testRunRace(t *testing.T, h *handle) {
	stores := h.both(t)
	for rev := range int64(5) {
		errs := together(8, func(i int) error {
			b := puts(alice, start, run(fmt.Sprintf("r%d-%d", rev, i), 0), run("same", time.Duration(i+1)*time.Second))
			b.Rev, b.State = rev, []byte("x")
			if rev > 0 {
				b.Ended = []string{fmt.Sprintf("w%d", rev-1)}
			}
			return stores[i%2].Commit(t.Context(), b)
		})
		winner := slices.Index(errs, nil)
		require.NotEqual(t, -1, winner, "nobody won revision %d", rev)
		for i, err := range errs {
			key := fmt.Sprintf("r%d-%d", rev, i)
			if i == winner {
				wantRun(t, h, start, run(key, 0))
				continue
			}
			require.True(t, errors.Is(err, nostrbot.ErrConflict), "%v", err)
			wantNoRun(t, h, start, key)
		}
		wantRun(t, h, start, run("same", time.Duration(winner+1)*time.Second))
	}
}
