package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

var commitTests = map[string]func(*testing.T, *handle){
	"nothing there":           testNothing,
	"all in one commit":       testWhole,
	"refused is nothing":      testRefused,
	"revisions":               testRevisions,
	"done goes first":         testDoneFirst,
	"done ids":                testDone,
	"any revision":            testAnyRev,
	"customers share nothing": testCustomers,
}

func testNothing(t *testing.T, s *handle) {
	c := load(t, s, alice, start, "m1", "m2")
	require.Zero(t, c.Rev)
	require.Nil(t, c.State)
	require.Empty(t, c.Done)
	require.Empty(t, pending(t, s))
	require.Empty(t, waiting(t, s, alice))
	wantNoParcel(t, s, alice, "p1")
}

func testWhole(t *testing.T, s *handle) {
	p1, p2 := parcel(alice, "p1"), parcel(alice, "p2")
	p2.Via, p2.Rumor, p2.Relays, p2.DueAt = nostrbot.NIP04, nil, nil, time.Time{}
	p2.Attempts = 3
	p2.Receipts = []nostrbot.Receipt{{Relay: "wss://one.example", At: start.Add(-time.Second)}}
	now := start.In(time.FixedZone("far", 5*3600))
	commit(t, s, nostrbot.Batch{
		Customer: alice, Rev: 0, State: []byte(`{"step":"pay"}`), Done: []string{"m1", "m2"},
		Parcels: []nostrbot.Parcel{p1, p2}, Now: now,
	})

	c := load(t, s, alice, start, "m0", "m2", "m1")
	require.Equal(t, nostrbot.Conversation{Rev: 1, State: []byte(`{"step":"pay"}`), Done: []string{"m2", "m1"}}, c)
	p1.State, p1.CreatedAt, p1.For = nostrbot.ParcelPending, start, "m1"
	p2.State, p2.CreatedAt, p2.For = nostrbot.ParcelPending, start, "m1"
	got, err := s.Parcels(t.Context(), alice, 10)
	require.NoError(t, err)
	require.Equal(t, []nostrbot.Parcel{p1, p2}, got)
	require.Equal(t, p1, lookup(t, s, alice, "p1"))
	require.Equal(t, p2, lookup(t, s, alice, "p2"))
	require.Equal(t, []nostrbot.PubKey{alice}, pending(t, s))
}

func testRefused(t *testing.T, s *handle) {
	b := nostrbot.Batch{
		Customer: alice, State: []byte("one"), Done: []string{"m1"},
		Parcels: []nostrbot.Parcel{parcel(alice, "p1")}, Now: start,
	}
	commit(t, s, b)
	check := func() {
		t.Helper()
		c := load(t, s, alice, start, "m1", "m2", "m3")
		require.Equal(t, nostrbot.Conversation{Rev: 1, State: []byte("one"), Done: []string{"m1"}}, c)
		require.Equal(t, []string{"p1"}, waiting(t, s, alice))
		wantNoParcel(t, s, alice, "p2")
	}
	b.State, b.Parcels = []byte("two"), []nostrbot.Parcel{parcel(alice, "p2")}

	for _, rev := range []int64{0, 2, 1 << 40} {
		b.Rev, b.Done = rev, []string{"m2"}
		require.ErrorIs(t, s.Commit(t.Context(), b), nostrbot.ErrConflict, "revision %d", rev)
		check()
	}
	for _, rev := range []int64{1, nostrbot.AnyRev} {
		b.Rev, b.Done = rev, []string{"m2", "m1", "m3"}
		require.ErrorIs(t, s.Commit(t.Context(), b), nostrbot.ErrDone, "revision %d", rev)
		check()
	}
	b.Rev, b.Done = 5, nil // a customer never seen
	b.Customer, b.Parcels = bob, nil
	require.ErrorIs(t, s.Commit(t.Context(), b), nostrbot.ErrConflict)
	require.Equal(t, nostrbot.Conversation{}, load(t, s, bob, start))
}

func testRevisions(t *testing.T, s *handle) {
	for rev, state := range []string{"a", "b", "b", "", "c"} {
		commit(t, s, write(alice, start, int64(rev), state))
		wantState(t, s, alice, start, int64(rev)+1, state)
	}
	for rev := range int64(5) {
		require.ErrorIs(t, s.Commit(t.Context(), write(alice, start, rev, "late")), nostrbot.ErrConflict, "revision %d", rev)
	}
	wantState(t, s, alice, start, 5, "c")
}

func testDoneFirst(t *testing.T, s *handle) {
	b := write(alice, start, 0, "one")
	b.Done = []string{"m1"}
	commit(t, s, b)
	err := s.Commit(t.Context(), b) // stale, too
	require.ErrorIs(t, err, nostrbot.ErrDone)
	require.NotErrorIs(t, err, nostrbot.ErrConflict)
}

func testDone(t *testing.T, s *handle) {
	commit(t, s, done(alice, start, "m1", "m1", "m2"))
	require.Equal(t, []string{"m2", "m1"}, load(t, s, alice, start, "m2", "m3", "m1").Done)
	require.Empty(t, load(t, s, alice, start).Done, "nothing asked for")
	require.Empty(t, load(t, s, bob, start, "m1").Done, "another customer's")
	commit(t, s, done(bob, start, "m1"))
	require.ErrorIs(t, s.Commit(t.Context(), done(alice, start, "m1")), nostrbot.ErrDone)
	commit(t, s, done(alice, start, "m", "m11", "M1", "m1 ")) // near is not the same
}

func testAnyRev(t *testing.T, s *handle) {
	b := replies(alice, start, "p1")
	b.Done, b.State = []string{"m1"}, []byte("ignored")
	commit(t, s, b)
	require.Equal(t, nostrbot.Conversation{Done: []string{"m1"}}, load(t, s, alice, start, "m1"))
	require.Equal(t, []string{"p1"}, waiting(t, s, alice))

	commit(t, s, write(alice, start, 0, "one"))
	b = replies(alice, start, "p2")
	b.Done, b.State = []string{"m2"}, []byte("ignored")
	commit(t, s, b)
	wantState(t, s, alice, start, 1, "one")
	require.Equal(t, []string{"p1", "p2"}, waiting(t, s, alice))
	commit(t, s, nostrbot.Batch{Customer: alice, Rev: nostrbot.AnyRev, Now: start}) // nothing at all
	commit(t, s, write(alice, start, 1, "two"))                                     // the revision did not move
}

func testCustomers(t *testing.T, s *handle) {
	for i, who := range []nostrbot.PubKey{alice, bob, carol} {
		b := replies(who, start, "p1")
		b.Rev, b.State, b.Done = 0, []byte{'a' + byte(i)}, []string{"m1"}
		commit(t, s, b)
	}
	commit(t, s, write(bob, start, 1, "new"))
	p := lookup(t, s, bob, "p1")
	p.State, p.Event = nostrbot.ParcelSent, []byte("new")
	update(t, s, p)
	wantState(t, s, alice, start, 1, "a")
	wantState(t, s, bob, start, 2, "new")
	wantState(t, s, carol, start, 1, "c")
	require.Equal(t, []nostrbot.PubKey{alice, carol}, pending(t, s))
	for _, who := range []nostrbot.PubKey{alice, carol} {
		want := parcel(who, "p1")
		want.State, want.CreatedAt, want.For = nostrbot.ParcelPending, start, "m1"
		require.Equal(t, want, lookup(t, s, who, "p1"))
	}
}
