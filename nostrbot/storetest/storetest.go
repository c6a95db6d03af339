// Package storetest is the suite that every [nostrbot.Store] passes: the
// contract, as tests. An adapter's test is one call:
//
//	func TestStore(t *testing.T) {
//		dir := t.TempDir()
//		storetest.Run(t, func(t *testing.T, name string) nostrbot.Store {
//			store, err := sqlitestore.Open(filepath.Join(dir, name+".db"))
//			require.NoError(t, err)
//			return store
//		}, storetest.Reopens)
//	}
//
// The suite passes the store made-up times, and waits for nothing but the end
// of a lease, if the store is a nostrbot.Claimer. Run it with -race. It ends with random histories checked
// against a small model of the contract.
package storetest

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// Option says what a store can do beyond the contract of all.
type Option int

const (
	// Reopens says that data outlives the handle: opening a name again gives
	// the same data, also while the first handle is still in use. That is
	// what a restart and a second process look like.
	Reopens Option = iota + 1
)

// Run runs the suite. open opens the store called name, which is made of
// [a-z0-9-] and different for each test; a name not seen before is an empty
// store. Stores that have a Close method are closed by the suite, some of them
// twice; what else there is to clear up, open does with t.Cleanup. Subtests run
// in parallel.
func Run(t *testing.T, open func(t *testing.T, name string) nostrbot.Store, options ...Option) {
	t.Helper()
	s := &suite{open: open}
	for _, o := range options {
		s.reopens = s.reopens || o == Reopens
	}
	for _, group := range []map[string]func(*testing.T, *handle){
		commitTests, ageTests, outboxTests, runTests, claimTests, inputTests, byteTests, raceTests, endTests,
	} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, s.handle(t))
			})
		}
	}
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		s.model(t)
	})
}

// suite is one run.
type suite struct {
	open    func(t *testing.T, name string) nostrbot.Store
	reopens bool

	mu    sync.Mutex
	names int
}

// handle is a fresh store and the way to open it again.
type handle struct {
	nostrbot.Store
	suite  *suite
	name   string
	causes *causes
}

// causes are what parcels were committed for, so that a test can look up any
// of them by its own id.
type causes struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (s *suite) handle(t *testing.T) *handle {
	t.Helper()
	s.mu.Lock()
	s.names++
	name := fmt.Sprintf("store-%d", s.names)
	s.mu.Unlock()
	h := &handle{suite: s, name: name, causes: &causes{ids: map[string]bool{}}}
	return h.again(t)
}

// again opens the store's data once more.
func (h *handle) again(t *testing.T) *handle {
	t.Helper()
	again := *h
	again.Store = h.suite.open(t, h.name)
	t.Cleanup(func() { again.close(t) })
	return &again
}

func (h *handle) close(t require.TestingT) {
	if c, ok := h.Store.(io.Closer); ok {
		require.NoError(t, c.Close(), "close")
	}
}

func (h *handle) Commit(ctx context.Context, b nostrbot.Batch) error {
	h.causes.mu.Lock()
	h.causes.ids[b.For()] = true
	h.causes.mu.Unlock()
	return h.Store.Commit(ctx, b)
}

// find looks for a parcel by its id, whatever its state.
func (h *handle) find(t require.TestingT, to nostrbot.PubKey, id string) (p nostrbot.Parcel, ok bool) {
	h.causes.mu.Lock()
	defer h.causes.mu.Unlock()
	for cause := range h.causes.ids {
		ps, err := h.ParcelsFor(context.Background(), to, cause)
		require.NoError(t, err, "parcels for %q", cause)
		for _, q := range ps {
			require.Equal(t, cause, q.For)
			if q.ID == id {
				require.False(t, ok, "parcel %q is there twice", id)
				p, ok = q, true
			}
		}
	}
	return p, ok
}

// start is when every test's story begins. Whole milliseconds are what all
// stores can keep.
var start = time.Date(2026, 2, 27, 23, 59, 58, 765e6, time.UTC)

// Customers, in the order of their keys.
var (
	alice = customer(1)
	bob   = customer(2)
	carol = customer(3)
)

// customer makes the n-th key in order, for n up to 65535.
func customer(n int) nostrbot.PubKey {
	return nostrbot.PubKey{0: byte(n >> 8), 1: byte(n), 31: 0xa5}
}

// parcel makes a new one that has every field set.
func parcel(to nostrbot.PubKey, id string) nostrbot.Parcel {
	return nostrbot.Parcel{
		ID: id, To: to, Via: nostrbot.NIP17,
		Event: []byte(`{"event":"` + id + `"}`), Rumor: []byte(`{"rumor":"` + id + `"}`),
		Relays: []string{"wss://one.example", "wss://two.example/<&>"},
		DueAt:  start.Add(time.Minute),
	}
}

// replies makes a batch of parcels, and of a done id that nothing else asks
// about.
func replies(to nostrbot.PubKey, now time.Time, ids ...string) nostrbot.Batch {
	b := nostrbot.Batch{Customer: to, Rev: nostrbot.AnyRev, Now: now, Done: []string{"for " + strings.Join(ids, " ")}}
	for _, id := range ids {
		b.Parcels = append(b.Parcels, parcel(to, id))
	}
	return b
}

// done makes a batch of done ids only.
func done(who nostrbot.PubKey, now time.Time, ids ...string) nostrbot.Batch {
	return nostrbot.Batch{Customer: who, Rev: nostrbot.AnyRev, Now: now, Done: ids}
}

// write makes a batch of state only.
func write(who nostrbot.PubKey, now time.Time, rev int64, state string) nostrbot.Batch {
	return nostrbot.Batch{Customer: who, Rev: rev, Now: now, State: []byte(state)}
}

func commit(t *testing.T, s nostrbot.Store, b nostrbot.Batch) {
	t.Helper()
	require.NoError(t, s.Commit(t.Context(), b), "commit")
}

func load(t *testing.T, s nostrbot.Store, who nostrbot.PubKey, now time.Time, ids ...string) nostrbot.Conversation {
	t.Helper()
	c, err := s.Load(t.Context(), who, now, ids...)
	require.NoError(t, err, "load")
	return c
}

// wantState loads and compares state and revision; an empty state is nil.
func wantState(t *testing.T, s nostrbot.Store, who nostrbot.PubKey, now time.Time, rev int64, state string) {
	t.Helper()
	c := load(t, s, who, now)
	require.Equal(t, rev, c.Rev, "revision")
	if state == "" {
		require.Nil(t, c.State, "state")
		return
	}
	require.Equal(t, state, string(c.State), "state")
}

func update(t *testing.T, s nostrbot.Outbox, p nostrbot.Parcel) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), p), "update")
}

// send marks a parcel as sent.
func send(t *testing.T, s *handle, to nostrbot.PubKey, id string) {
	t.Helper()
	p := lookup(t, s, to, id)
	p.State = nostrbot.ParcelSent
	update(t, s, p)
}

func lookup(t *testing.T, s *handle, to nostrbot.PubKey, id string) nostrbot.Parcel {
	t.Helper()
	p, ok := s.find(t, to, id)
	require.True(t, ok, "parcel %q is not there", id)
	return p
}

func wantNoParcel(t *testing.T, s *handle, to nostrbot.PubKey, id string) {
	t.Helper()
	_, ok := s.find(t, to, id)
	require.False(t, ok, "parcel %q is there", id)
}

// waiting returns the ids of a customer's pending parcels.
func waiting(t *testing.T, s nostrbot.Outbox, to nostrbot.PubKey) []string {
	t.Helper()
	ps, err := s.Parcels(t.Context(), to, 10_000)
	require.NoError(t, err, "parcels")
	var ids []string
	for _, p := range ps {
		ids = append(ids, p.ID)
	}
	return ids
}

// pending returns all customers that have pending parcels.
func pending(t *testing.T, s nostrbot.Outbox) []nostrbot.PubKey {
	t.Helper()
	keys, err := s.Pending(t.Context(), nostrbot.PubKey{}, 10_000)
	require.NoError(t, err, "pending")
	return keys
}
