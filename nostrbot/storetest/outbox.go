package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

var outboxTests = map[string]func(*testing.T, *handle){
	"parcels in order":        testOrder,
	"customers by the page":   testPages,
	"customers of all keys":   testKeys,
	"update":                  testUpdate,
	"update is final":         testFinal,
	"update of nothing":       testUpdateNothing,
	"parcel that is there":    testSameParcel,
	"parcel in every state":   testLookup,
	"parcels for a message":   testParcelsFor,
	"parcels, many at a time": testManyParcels,
}

func testOrder(t *testing.T, s *handle) {
	// The ids and the times say nothing of the order.
	commit(t, s, replies(alice, start, "c", "a"))
	commit(t, s, replies(bob, start, "x"))
	commit(t, s, replies(alice, start, "b", "z", "d"))
	commit(t, s, replies(alice, start.Add(-time.Minute), "0"))
	want := []string{"c", "a", "b", "z", "d", "0"}
	require.Equal(t, want, waiting(t, s, alice))

	p := lookup(t, s, alice, "c") // trying later moves nothing
	p.Attempts, p.DueAt = 1, start.Add(time.Hour)
	update(t, s, p)
	require.Equal(t, want, waiting(t, s, alice))
	for limit := 1; limit <= len(want)+1; limit++ {
		ps, err := s.Parcels(t.Context(), alice, limit)
		require.NoError(t, err)
		require.Len(t, ps, min(limit, len(want)))
		for i, p := range ps {
			require.Equal(t, want[i], p.ID)
		}
	}
	send(t, s, alice, "b")
	send(t, s, alice, "c")
	require.Equal(t, []string{"a", "z", "d", "0"}, waiting(t, s, alice))
	require.Equal(t, []string{"x"}, waiting(t, s, bob))
}

func testPages(t *testing.T, s *handle) {
	var want []nostrbot.PubKey
	for _, n := range []int{700, 3, 256, 41, 2, 255, 1, 65535, 9, 40, 257, 512} {
		commit(t, s, replies(customer(n), start, "p1", "p2", "p3"))
		want = append(want, customer(n))
	}
	commit(t, s, done(customer(5), start, "m1")) // has no parcels
	commit(t, s, replies(customer(6), start, "p1"))
	send(t, s, customer(6), "p1") // has none pending
	slices.SortFunc(want, func(a, b nostrbot.PubKey) int { return slices.Compare(a[:], b[:]) })

	for limit := 1; limit <= len(want)+1; limit++ {
		var got []nostrbot.PubKey
		var after nostrbot.PubKey
		for {
			page, err := s.Pending(t.Context(), after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			require.LessOrEqual(t, len(got), len(want), "pages overlap")
			after = page[len(page)-1]
		}
		require.Equal(t, want, got, "limit %d", limit)
	}
	page, err := s.Pending(t.Context(), customer(256), 2) // after a key that is not there, too
	require.NoError(t, err)
	require.Equal(t, []nostrbot.PubKey{customer(257), customer(512)}, page)
	page, err = s.Pending(t.Context(), customer(258), 1)
	require.NoError(t, err)
	require.Equal(t, []nostrbot.PubKey{customer(512)}, page)
}

func testKeys(t *testing.T, s *handle) {
	var last nostrbot.PubKey
	for i := range last {
		last[i] = 0xff
	}
	keys := []nostrbot.PubKey{{31: 1}, {0: 0x25, 1: '_'}, {0: 0x7f, 31: 0xff}, {0: 0x80}, last}
	for _, k := range keys {
		commit(t, s, replies(k, start, "p1"))
	}
	require.Equal(t, keys, pending(t, s))
	page, err := s.Pending(t.Context(), last, 5)
	require.NoError(t, err)
	require.Empty(t, page)
}

func testUpdate(t *testing.T, s *handle) {
	commit(t, s, replies(alice, start, "p1", "p2"))
	want, other := lookup(t, s, alice, "p1"), lookup(t, s, alice, "p2")

	u := want
	u.Event, u.Attempts, u.DueAt = []byte("wrapped anew"), 7, start.Add(3*time.Hour)
	u.Receipts = []nostrbot.Receipt{{Relay: "wss://one.example", At: start.Add(time.Second)}}
	want = u
	// The rest is not looked at.
	u.Rumor, u.Relays, u.Via, u.CreatedAt = nil, nil, nostrbot.NIP04, start.Add(time.Hour)
	for range 2 {
		update(t, s, u)
		require.Equal(t, want, lookup(t, s, alice, "p1"))
		require.Equal(t, other, lookup(t, s, alice, "p2"))
		require.Equal(t, []string{"p1", "p2"}, waiting(t, s, alice))
	}
	u.Receipts, u.DueAt = nil, time.Time{}
	want.Receipts, want.DueAt = nil, time.Time{}
	update(t, s, u)
	require.Equal(t, want, lookup(t, s, alice, "p1"))
	wantState(t, s, alice, start, 0, "") // the conversation has no part in it
}

func testFinal(t *testing.T, s *handle) {
	for _, final := range []nostrbot.ParcelState{nostrbot.ParcelSent, nostrbot.ParcelGivenUp} {
		id := string(final)
		commit(t, s, replies(alice, start, id))
		late := lookup(t, s, alice, id)
		p := late
		p.State, p.Attempts = final, 2
		p.Receipts = []nostrbot.Receipt{{Relay: "wss://one.example", At: start}}
		update(t, s, p)
		p.Rumor = nil // what was said is forgotten
		require.Equal(t, p, lookup(t, s, alice, id))
		for _, state := range []nostrbot.ParcelState{nostrbot.ParcelPending, nostrbot.ParcelSent, nostrbot.ParcelGivenUp} {
			late.State, late.Event, late.Attempts = state, []byte("late"), 9
			update(t, s, late)
			require.Equal(t, p, lookup(t, s, alice, id), "%s to %s", final, state)
		}
		require.Empty(t, waiting(t, s, alice))
		require.Empty(t, pending(t, s))
	}
}

func testUpdateNothing(t *testing.T, s *handle) {
	commit(t, s, replies(alice, start, "p1"))
	p := parcel(bob, "p1")
	for _, p.State = range []nostrbot.ParcelState{nostrbot.ParcelPending, nostrbot.ParcelSent} {
		update(t, s, p)
	}
	wantNoParcel(t, s, bob, "p1")
	require.Equal(t, []nostrbot.PubKey{alice}, pending(t, s))
}

func testSameParcel(t *testing.T, s *handle) {
	b := replies(alice, start, "p1", "p2", "p1")
	b.Parcels[2].Event = []byte("second")
	commit(t, s, b)
	require.Equal(t, []string{"p1", "p2"}, waiting(t, s, alice))
	first := lookup(t, s, alice, "p1")
	require.Equal(t, b.Parcels[0].Event, first.Event)

	again := replies(alice, start.Add(time.Hour), "p1", "p3")
	again.Rev, again.State, again.Parcels[0].Event = 0, []byte("one"), []byte("third")
	commit(t, s, again) // the rest of the batch counts
	wantState(t, s, alice, start, 1, "one")
	require.Equal(t, []string{"p1", "p2", "p3"}, waiting(t, s, alice))
	require.Equal(t, first, lookup(t, s, alice, "p1"))

	send(t, s, alice, "p1")
	sent := lookup(t, s, alice, "p1")
	commit(t, s, replies(alice, start, "p1"))
	require.Equal(t, sent, lookup(t, s, alice, "p1"), "what was sent is not sent again")
	require.Equal(t, []string{"p2", "p3"}, waiting(t, s, alice))
}

func testLookup(t *testing.T, s *handle) {
	commit(t, s, replies(alice, start, "p1", "p2", "p3"))
	send(t, s, alice, "p2")
	p := lookup(t, s, alice, "p3")
	p.State = nostrbot.ParcelGivenUp
	update(t, s, p)
	for id, state := range map[string]nostrbot.ParcelState{
		"p1": nostrbot.ParcelPending, "p2": nostrbot.ParcelSent, "p3": nostrbot.ParcelGivenUp,
	} {
		require.Equal(t, state, lookup(t, s, alice, id).State)
	}
	wantNoParcel(t, s, alice, "p")
	wantNoParcel(t, s, alice, "")
	wantNoParcel(t, s, bob, "p1")
}

func testParcelsFor(t *testing.T, s *handle) {
	b := replies(alice, start, "c", "a")
	b.Done = []string{"m1", "m2"}
	commit(t, s, b)
	b = replies(alice, start, "x")
	b.Done = nil
	commit(t, s, b)
	b = replies(alice, start, "b", "a", "0") // "a" stays what it was for
	b.Done = []string{"m3"}
	b.Parcels[0].For = "m1" // not the caller's to say
	commit(t, s, b)
	b = replies(bob, start, "b")
	b.Done = []string{"m1"}
	commit(t, s, b)
	send(t, s, alice, "a")
	for id, want := range map[string][]string{"m1": {"c", "a"}, "m2": nil, "m3": {"b", "0"}, "": nil, "m": nil, "m11": nil} {
		ps, err := s.ParcelsFor(t.Context(), alice, id)
		require.NoError(t, err)
		var got []string
		for _, p := range ps {
			require.Equal(t, id, p.For)
			got = append(got, p.ID)
		}
		require.Equal(t, want, got, "parcels for %q", id)
	}
	require.Equal(t, []string{"c", "x", "b", "0"}, waiting(t, s, alice))
}

func testManyParcels(t *testing.T, s *handle) {
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint("p", (i*7919)%300))
	}
	commit(t, s, replies(alice, start, want...))
	require.Equal(t, want, waiting(t, s, alice))
}
