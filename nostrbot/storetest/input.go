package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

var inputTests = map[string]func(*testing.T, *handle){
	"bad batch":     testBadBatch,
	"bad parcel":    testBadParcel,
	"bad limit":     testBadLimit,
	"ended context": testEndedContext,
}

var byteTests = map[string]func(*testing.T, *handle){
	"odd bytes":       testOddBytes,
	"large":           testLarge,
	"no shared bytes": testNoSharedBytes,
}

func testBadBatch(t *testing.T, s *handle) {
	for name, spoil := range map[string]func(*nostrbot.Batch){
		"no customer":   func(b *nostrbot.Batch) { b.Customer = nostrbot.PubKey{}; b.Parcels = nil },
		"no time":       func(b *nostrbot.Batch) { b.Now = time.Time{} },
		"revision":      func(b *nostrbot.Batch) { b.Rev = -2 },
		"empty done id": func(b *nostrbot.Batch) { b.Done = []string{"m2", ""} },
		"parcel to bob": func(b *nostrbot.Batch) { b.Parcels[1].To = bob },
		"no parcel id":  func(b *nostrbot.Batch) { b.Parcels[1].ID = "" },
		"sent parcel":   func(b *nostrbot.Batch) { b.Parcels[1].State = nostrbot.ParcelSent },
		"attempts":      func(b *nostrbot.Batch) { b.Parcels[1].Attempts = -1 },
	} {
		b := replies(alice, start, "p1", "p2")
		b.Rev, b.State, b.Done = 0, []byte("one"), []string{"m1"}
		spoil(&b)
		err := s.Commit(t.Context(), b)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, nostrbot.ErrConflict, name)
		require.NotErrorIs(t, err, nostrbot.ErrDone, name)
		require.Equal(t, nostrbot.Conversation{}, load(t, s, alice, start, "m1", "m2"), name)
		require.Empty(t, pending(t, s), name)
	}
}

func testBadParcel(t *testing.T, s *handle) {
	commit(t, s, replies(alice, start, "p1"))
	for name, spoil := range map[string]func(*nostrbot.Parcel){
		"to nobody":     func(p *nostrbot.Parcel) { p.To = nostrbot.PubKey{} },
		"no id":         func(p *nostrbot.Parcel) { p.ID = "" },
		"no state":      func(p *nostrbot.Parcel) { p.State = "" },
		"unknown state": func(p *nostrbot.Parcel) { p.State = "lost" },
		"attempts":      func(p *nostrbot.Parcel) { p.Attempts = -1 },
	} {
		want := lookup(t, s, alice, "p1")
		p := want
		p.Event = []byte("spoilt")
		spoil(&p)
		require.Error(t, s.Update(t.Context(), p), name)
		require.Equal(t, want, lookup(t, s, alice, "p1"), name)
	}
}

func testBadLimit(t *testing.T, s *handle) {
	commit(t, s, replies(alice, start, "p1"))
	for _, limit := range []int{0, -1} {
		_, err := s.Pending(t.Context(), nostrbot.PubKey{}, limit)
		require.Error(t, err, "pending, limit %d", limit)
		_, err = s.Parcels(t.Context(), alice, limit)
		require.Error(t, err, "parcels, limit %d", limit)
	}
}

func testEndedContext(t *testing.T, s *handle) {
	commit(t, s, replies(alice, start, "p1"))
	want := lookup(t, s, alice, "p1")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range calls(ended, s) {
		require.ErrorIs(t, err, context.Canceled, name)
	}
	require.Equal(t, nostrbot.Conversation{}, load(t, s, alice, start, "m1"))
	require.Equal(t, want, lookup(t, s, alice, "p1"), "nothing was written")
	require.Equal(t, []string{"p1"}, waiting(t, s, alice))
	for name, err := range calls(t.Context(), s) { // the store lives on
		require.NoError(t, err, name)
	}
}

// calls calls each method of a store once.
func calls(ctx context.Context, s *handle) map[string]error {
	errs := map[string]error{}
	_, errs["load"] = s.Load(ctx, alice, start, "m1")
	b := replies(alice, start, "p2")
	b.Rev, b.State, b.Done = 0, []byte("one"), []string{"m1"}
	errs["commit"] = s.Commit(ctx, b)
	_, errs["pending"] = s.Pending(ctx, nostrbot.PubKey{}, 1)
	_, errs["parcels"] = s.Parcels(ctx, alice, 1)
	p := parcel(alice, "p1")
	p.State = nostrbot.ParcelSent
	errs["update"] = s.Update(ctx, p)
	_, errs["parcels for"] = s.ParcelsFor(ctx, alice, "m1")
	_, _, errs["run"] = s.Run(ctx, start, "r1")
	_, errs["due"] = s.Due(ctx, start, 1)
	return errs
}

// odd are ids and contents that a careless adapter mangles.
var odd = []string{
	"\x00", "a\x00", "a\x00b", "\xff", "\xff\xff", "\xc3\x28", "\xed\xa0\x80", "%", "_", "'", `"`, "`", "\\", "a'); DROP TABLE x;--",
	"\n", "\r\n", " ", "a", "A", "a ", " a", "é", "e\u0301", "💡", "{}", "{alice}", ":", "a:b", "null", "0", "00", "1e3", "-1", "\U0010ffff",
	"\u2028", "\ufeff", strings.Repeat("long", 500),
}

func testOddBytes(t *testing.T, s *handle) {
	b := nostrbot.Batch{Customer: alice, Now: start}
	for i, o := range odd {
		b.Rev, b.State, b.Done = int64(i), []byte(o), []string{"m" + o, o}
		p := parcel(alice, o)
		p.Event, p.Rumor, p.Relays = []byte(o), []byte("r"+o), []string{strings.ToValidUTF8(o, "?"), ""}
		p.Receipts = []nostrbot.Receipt{{Relay: strings.ToValidUTF8(o, "?"), At: start}}
		b.Parcels = []nostrbot.Parcel{p}
		commit(t, s, b)
		wantState(t, s, alice, start, int64(i)+1, o)

		require.Equal(t, []string{o}, load(t, s, alice, start, o).Done, "id %q", o)
		require.ErrorIs(t, s.Commit(t.Context(), done(alice, start, o)), nostrbot.ErrDone, "id %q", o)
		p.State, p.CreatedAt, p.For = nostrbot.ParcelPending, start, "m"+o
		require.Equal(t, p, lookup(t, s, alice, o), "id %q", o)
		p.Event = []byte("new " + o)
		update(t, s, p)
		require.Equal(t, p, lookup(t, s, alice, o), "id %q", o)
	}
	require.Equal(t, odd, load(t, s, alice, start, odd...).Done)
	require.Equal(t, odd, waiting(t, s, alice))
	for _, o := range odd {
		send(t, s, alice, o)
	}
	require.Empty(t, waiting(t, s, alice))
}

func testLarge(t *testing.T, s *handle) {
	large := []byte(strings.Repeat("0123456789abcdef", 1<<16)) // 1 MiB
	b := replies(alice, start, "p1")
	b.Rev, b.State = 0, large
	b.Parcels[0].Event, b.Parcels[0].Rumor = large, large
	commit(t, s, b)
	require.True(t, string(large) == string(load(t, s, alice, start).State), "state")
	p := lookup(t, s, alice, "p1")
	require.True(t, string(large) == string(p.Event), "event")
	require.True(t, string(large) == string(p.Rumor), "rumor")
}

func testNoSharedBytes(t *testing.T, s *handle) {
	spoilParcel := func(p nostrbot.Parcel) {
		p.Event[0], p.Rumor[0] = 'X', 'X'
		p.Relays[0], p.Receipts[0] = "X", nostrbot.Receipt{Relay: "X"}
	}
	b := replies(alice, start, "p1")
	b.Rev, b.State, b.Done = 0, []byte("one"), []string{"m1"}
	b.Parcels[0].Receipts = []nostrbot.Receipt{{Relay: "wss://one.example", At: start}}
	want := parcel(alice, "p1")
	want.State, want.CreatedAt, want.For = nostrbot.ParcelPending, start, "m1"
	want.Receipts = []nostrbot.Receipt{{Relay: "wss://one.example", At: start}}

	commit(t, s, b)
	spoilParcel(b.Parcels[0])
	b.State[0], b.Done[0], b.Parcels[0].ID = 'X', "X", "X"
	check := func() {
		t.Helper()
		wantState(t, s, alice, start, 1, "one")
		require.Equal(t, []string{"m1"}, load(t, s, alice, start, "m1", "X").Done)
		require.Equal(t, want, lookup(t, s, alice, "p1"))
	}
	check()
	load(t, s, alice, start).State[0] = 'X'
	check()
	spoilParcel(lookup(t, s, alice, "p1"))
	check()
	ps, err := s.Parcels(t.Context(), alice, 1)
	require.NoError(t, err)
	spoilParcel(ps[0])
	check()

	u := lookup(t, s, alice, "p1")
	u.Event, want.Event = []byte("anew"), []byte("anew")
	update(t, s, u)
	spoilParcel(u)
	check()
}
