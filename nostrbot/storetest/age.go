package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

var ageTests = map[string]func(*testing.T, *handle){
	"session is forgotten":       testSessionAge,
	"revision is never reused":   testRevisionAge,
	"done id is forgotten":       testDoneAge,
	"sent parcels go in the end": testParcelAge,
	"pending parcels stay":       testPendingAge,
	"what is old is removed":     testRemoved,
	"clock goes back":            testClockBack,
}

// instant is the least time that a store must tell apart.
const instant = time.Millisecond

func testSessionAge(t *testing.T, s *handle) {
	commit(t, s, write(alice, start, 0, "one"))
	last := start.Add(nostrbot.SessionTTL - instant)
	wantState(t, s, alice, last, 1, "one")
	commit(t, s, write(bob, last, 0, "other")) // gives the store a chance to remove too much
	wantState(t, s, alice, last, 1, "one")
	wantState(t, s, alice, start.Add(nostrbot.SessionTTL), 1, "")

	commit(t, s, write(alice, last, 1, "two")) // slides
	commit(t, s, write(bob, last.Add(nostrbot.SessionTTL-instant), 1, "other"))
	wantState(t, s, alice, last.Add(nostrbot.SessionTTL-instant), 2, "two")
	wantState(t, s, alice, last.Add(nostrbot.SessionTTL), 2, "")

	commit(t, s, done(alice, last.Add(time.Hour), "m1")) // is no write
	wantState(t, s, alice, last.Add(nostrbot.SessionTTL), 2, "")
}

func testRevisionAge(t *testing.T, s *handle) {
	commit(t, s, write(alice, start, 0, "one"))
	commit(t, s, write(alice, start, 1, "two"))
	now := start.Add(100 * 24 * time.Hour)
	for i := range int64(5) { // whatever is to be removed, is
		commit(t, s, write(bob, now, i, "other"))
	}
	wantState(t, s, alice, now, 2, "")
	for _, rev := range []int64{0, 1, 3} {
		require.ErrorIs(t, s.Commit(t.Context(), write(alice, now, rev, "stale")), nostrbot.ErrConflict, "revision %d", rev)
	}
	commit(t, s, write(alice, now, 2, "three"))
	wantState(t, s, alice, now, 3, "three")
}

func testDoneAge(t *testing.T, s *handle) {
	commit(t, s, done(alice, start, "m1"))
	last := start.Add(nostrbot.DoneTTL - instant)
	commit(t, s, done(bob, last, "m1"))
	require.Equal(t, []string{"m1"}, load(t, s, alice, last, "m1").Done)
	require.ErrorIs(t, s.Commit(t.Context(), done(alice, last, "m1")), nostrbot.ErrDone)

	over := start.Add(nostrbot.DoneTTL)
	require.Empty(t, load(t, s, alice, over, "m1").Done)
	commit(t, s, done(alice, over, "m1"))
	require.Equal(t, []string{"m1"}, load(t, s, alice, over.Add(nostrbot.DoneTTL-instant), "m1").Done, "remembered anew")
	for i := range 20 { // the old entry's removal must not take the new one along
		commit(t, s, done(bob, over, fmt.Sprint("m", i+2)))
	}
	require.Equal(t, []string{"m1"}, load(t, s, alice, over, "m1").Done)
}

func testParcelAge(t *testing.T, s *handle) {
	const n = 100
	for i := range n {
		id := fmt.Sprint("p", i)
		commit(t, s, replies(alice, start, id))
		p := lookup(t, s, alice, id)
		p.State = nostrbot.ParcelSent
		if i%2 == 1 {
			p.State = nostrbot.ParcelGivenUp
		}
		update(t, s, p)
	}
	last := start.Add(nostrbot.DoneTTL - instant)
	for i := range 10 {
		commit(t, s, done(bob, last, fmt.Sprint("a", i)))
	}
	for i := range n {
		lookup(t, s, alice, fmt.Sprint("p", i))
	}
	over := start.Add(nostrbot.DoneTTL)
	left := n
	for i := 0; left > 0; i++ {
		require.Less(t, i, n, "each commit must remove some: %d are left", left)
		commit(t, s, done(alice, over, fmt.Sprint("b", i)))
		left = 0
		for i := range n {
			if _, ok := s.find(t, alice, fmt.Sprint("p", i)); ok {
				left++
			}
		}
	}
	commit(t, s, replies(alice, over, "p0")) // the id is free again
	require.Equal(t, []string{"p0"}, waiting(t, s, alice))
}

func testPendingAge(t *testing.T, s *handle) {
	commit(t, s, replies(alice, start, "p1", "p2"))
	now := start.Add(10 * nostrbot.DoneTTL)
	for i := range 30 {
		commit(t, s, done([]nostrbot.PubKey{alice, bob}[i%2], now, fmt.Sprint("m", i)))
	}
	require.Equal(t, []string{"p1", "p2"}, waiting(t, s, alice))
	send(t, s, alice, "p1")
	require.Equal(t, []string{"p2"}, waiting(t, s, alice))
	for i := 0; ; i++ {
		require.Less(t, i, 30, "what was sent late must go too")
		commit(t, s, done(alice, now, fmt.Sprint("n", i)))
		if _, ok := s.find(t, alice, "p1"); !ok {
			break
		}
	}
	require.Equal(t, []string{"p2"}, waiting(t, s, alice))
}

// Not only out of sight: asking for an earlier time does not bring it back.
func testRemoved(t *testing.T, s *handle) {
	commit(t, s, write(alice, start, 0, "one"))
	var ids []string
	for i := range 60 {
		ids = append(ids, fmt.Sprint("m", i))
	}
	commit(t, s, done(alice, start, ids...))
	over := start.Add(nostrbot.DoneTTL)
	for i := 0; ; i++ {
		c := load(t, s, alice, start, ids...)
		require.EqualValues(t, 1, c.Rev)
		if c.State == nil && c.Done == nil {
			break
		}
		require.Less(t, i, len(ids), "each commit must remove some: state %q and %d ids are left", c.State, len(c.Done))
		commit(t, s, done(alice, over, fmt.Sprint("n", i)))
	}
}

func testClockBack(t *testing.T, s *handle) {
	earlier := start.Add(-time.Hour)
	b := replies(alice, start, "p1")
	b.Rev, b.State = 0, []byte("one")
	commit(t, s, b)
	b = replies(alice, earlier, "p2")
	b.Rev, b.State, b.Done = 1, []byte("two"), []string{"m1"}
	commit(t, s, b)
	c := load(t, s, alice, earlier, "m1")
	require.Equal(t, nostrbot.Conversation{Rev: 2, State: []byte("two"), Done: []string{"m1"}}, c)
	require.Equal(t, []string{"p1", "p2"}, waiting(t, s, alice), "the order is that of the commits, not of the clock")
	require.Equal(t, []string{"m1"}, load(t, s, alice, earlier.Add(-time.Hour), "m1").Done, "done in the future is done")
}
