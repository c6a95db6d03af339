package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/nostrbot"
)

// model checks random histories against the contract in its plainest form. All
// are on one store, since opening takes long: each has customers of its own,
// whose keys come after those before, and time never goes back.
func (s *suite) model(t *testing.T) {
	store := s.handle(t)
	now, customers := start, 0
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{
			Store: store.Store, now: now, before: customer(customers),
			convs: map[nostrbot.PubKey]*conversation{}, parcels: map[nostrbot.PubKey][]nostrbot.Parcel{}, runs: map[string]keptRun{},
		}
		for range 3 {
			customers++
			h.customers = append(h.customers, customer(customers))
		}
		h.last = h.customers[0]
		defer func() { now = h.now }()
		actions := map[string]func(*rapid.T){
			"": h.check, "look": h.checkAll, "wait": h.wait,
			"commit": h.commit, "commit more": h.commit, "update": h.update, "update more": h.update,
		}
		if s.reopens && rapid.IntRange(0, 9).Draw(rt, "reopen") == 0 {
			actions["reopen"] = func(rt *rapid.T) {
				store.close(rt)
				store = store.again(t)
				h.Store = store.Store
				h.checkAll(rt)
			}
		}
		rt.Repeat(actions)
		h.checkAll(rt)
	})
}

// history is a store and what it should hold.
type history struct {
	nostrbot.Store
	now       time.Time
	before    nostrbot.PubKey // comes before the customers' keys
	customers []nostrbot.PubKey
	convs     map[nostrbot.PubKey]*conversation
	parcels   map[nostrbot.PubKey][]nostrbot.Parcel // all there ever were, in order
	made      int                                   // parcels
	runs      map[string]keptRun
	last      nostrbot.PubKey // whom the last action was about
}

type conversation struct {
	rev     int64
	state   []byte
	written time.Time
	done    map[string]time.Time
}

func (h *history) conv(who nostrbot.PubKey) *conversation {
	if h.convs[who] == nil {
		h.convs[who] = &conversation{done: map[string]time.Time{}}
	}
	return h.convs[who]
}

// draw picks the customer of an action.
func (h *history) draw(t *rapid.T) nostrbot.PubKey {
	h.last = rapid.SampledFrom(h.customers).Draw(t, "customer")
	return h.last
}

var modelIDs = []string{"m1", "m2", "m3", "m4", "m5"}

// handled returns those of the ids that are done.
func (h *history) handled(who nostrbot.PubKey, ids []string) (handled []string) {
	for _, id := range ids {
		if at, ok := h.conv(who).done[id]; ok && h.now.Sub(at) < nostrbot.DoneTTL {
			handled = append(handled, id)
		}
	}
	return handled
}

// wait lets time pass, often up to just before or at the end of an age.
func (h *history) wait(t *rapid.T) {
	h.now = h.now.Add(rapid.SampledFrom([]time.Duration{
		instant, time.Hour, 2 * 24 * time.Hour, nostrbot.SessionTTL - instant, nostrbot.SessionTTL,
		nostrbot.DoneTTL - instant, nostrbot.DoneTTL,
	}).Draw(t, "wait"))
}

func (h *history) commit(t *rapid.T) {
	who := h.draw(t)
	conv := h.conv(who)
	b := nostrbot.Batch{
		Customer: who, Now: h.now,
		Rev:   conv.rev + rapid.SampledFrom([]int64{0, 0, 0, 0, 1, -1}).Draw(t, "revision off"),
		State: rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "state"),
		Done:  rapid.SliceOfN(rapid.SampledFrom(modelIDs), 0, 2).Draw(t, "done"),
	}
	if b.Rev < 0 || rapid.IntRange(0, 3).Draw(t, "any revision") == 0 {
		b.Rev = nostrbot.AnyRev
	}
	kept := h.kept(who)
	for range rapid.IntRange(0, 3).Draw(t, "parcels") {
		h.made++
		p := parcel(who, fmt.Sprint("p", h.made))
		if len(kept) > 0 && rapid.IntRange(0, 5).Draw(t, "again") == 0 {
			p.ID = rapid.SampledFrom(kept).Draw(t, "parcel").ID
			p.Event = []byte("another")
		}
		b.Parcels = append(b.Parcels, p)
	}
	h.drawRuns(t, &b)

	err := h.Commit(t.Context(), b)
	switch {
	case len(h.handled(who, b.Done)) > 0:
		require.ErrorIs(t, err, nostrbot.ErrDone)
		return
	case b.Rev != nostrbot.AnyRev && b.Rev != conv.rev:
		require.ErrorIs(t, err, nostrbot.ErrConflict)
		return
	}
	require.NoError(t, err)
	if b.Rev != nostrbot.AnyRev {
		conv.rev++
		conv.state, conv.written = b.State, h.now
	}
	for _, id := range b.Done {
		conv.done[id] = h.now
	}
	h.keepRuns(b)
	for _, p := range b.Parcels {
		if !slices.ContainsFunc(h.parcels[who], func(q nostrbot.Parcel) bool { return q.ID == p.ID }) {
			p.State, p.CreatedAt, p.For = nostrbot.ParcelPending, h.now, b.For()
			h.parcels[who] = append(h.parcels[who], p)
		}
	}
}

// kept returns the customer's parcels that must still be there.
func (h *history) kept(who nostrbot.PubKey) []nostrbot.Parcel {
	return slices.DeleteFunc(slices.Clone(h.parcels[who]), func(p nostrbot.Parcel) bool {
		return p.State != nostrbot.ParcelPending && h.now.Sub(p.CreatedAt) >= nostrbot.DoneTTL
	})
}

func (h *history) waiting(who nostrbot.PubKey) []nostrbot.Parcel {
	return slices.DeleteFunc(slices.Clone(h.parcels[who]), func(p nostrbot.Parcel) bool { return p.State != nostrbot.ParcelPending })
}

func (h *history) update(t *rapid.T) {
	who := h.draw(t)
	if len(h.parcels[who]) == 0 {
		t.Skip("no parcels")
	}
	i := rapid.IntRange(0, len(h.parcels[who])-1).Draw(t, "parcel")
	kept := &h.parcels[who][i]
	u := nostrbot.Parcel{
		ID: kept.ID, To: who,
		State: rapid.SampledFrom([]nostrbot.ParcelState{
			nostrbot.ParcelPending, nostrbot.ParcelSent, nostrbot.ParcelGivenUp,
		}).Draw(t, "state"),
		Event:    []byte(rapid.StringN(1, 5, -1).Draw(t, "event")),
		Attempts: rapid.IntRange(0, 9).Draw(t, "attempts"),
		DueAt:    h.now.Add(time.Minute),
		Receipts: []nostrbot.Receipt{{Relay: "wss://one.example", At: h.now}},
	}
	require.NoError(t, h.Update(t.Context(), u))
	if kept.State == nostrbot.ParcelPending {
		kept.Event, kept.State, kept.Attempts, kept.DueAt, kept.Receipts = u.Event, u.State, u.Attempts, u.DueAt, u.Receipts
		if kept.State != nostrbot.ParcelPending {
			kept.Rumor = nil
		}
	}
}

// check compares what can be read of the customer that the last action was
// about.
func (h *history) check(t *rapid.T) { h.compare(t, h.last) }

// checkAll compares all that can be read.
func (h *history) checkAll(t *rapid.T) {
	var pending []nostrbot.PubKey
	for _, who := range h.customers {
		h.compare(t, who)
		for _, id := range modelIDs {
			h.compareFor(t, who, id)
		}
		if len(h.waiting(who)) > 0 {
			pending = append(pending, who)
		}
	}
	h.compareRuns(t)
	keys, err := h.Pending(t.Context(), h.before, len(h.customers))
	require.NoError(t, err)
	require.Len(t, keys, len(pending))
	for i := range keys {
		require.Equal(t, pending[i], keys[i])
	}
}

// compareFor compares the parcels for one message with the model's, of which
// those that are too old may be gone.
func (h *history) compareFor(t *rapid.T, who nostrbot.PubKey, id string) {
	ps, err := h.ParcelsFor(t.Context(), who, id)
	require.NoError(t, err)
	must := h.kept(who)
	for _, p := range h.parcels[who] {
		if p.For != id {
			continue
		}
		if len(ps) > 0 && ps[0].ID == p.ID {
			require.Equal(t, p, ps[0])
			ps = ps[1:]
			continue
		}
		require.False(t, slices.ContainsFunc(must, func(q nostrbot.Parcel) bool { return q.ID == p.ID }), "parcel %q is gone", p.ID)
	}
	require.Empty(t, ps)
}

func (h *history) compare(t *rapid.T, who nostrbot.PubKey) {
	ctx, conv := t.Context(), h.conv(who)
	want := nostrbot.Conversation{Rev: conv.rev, Done: h.handled(who, modelIDs)}
	if len(conv.state) > 0 && h.now.Sub(conv.written) < nostrbot.SessionTTL {
		want.State = conv.state
	}
	got, err := h.Load(ctx, who, h.now, modelIDs...)
	require.NoError(t, err)
	require.Equal(t, want, got)

	waiting := h.waiting(who)
	ps, err := h.Parcels(ctx, who, len(waiting)+1)
	require.NoError(t, err)
	require.Len(t, ps, len(waiting))
	for i := range ps {
		require.Equal(t, waiting[i], ps[i])
	}
}
