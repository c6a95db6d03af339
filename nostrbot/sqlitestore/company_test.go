package sqlitestore

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// sent returns a store with a parcel in it, and what notes its delivery.
func sent(t *testing.T) (s *Store, path string, note func() error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "shop.db")
	s = mustOpen(t, path)
	s.writer.mu.Lock()
	s.writer.noHurry = time.Hour // what is written sooner went with something else
	s.writer.mu.Unlock()
	p := nostrbot.Parcel{ID: "p1", To: nostrbot.PubKey{1}, Event: []byte("{}")}
	b := state(1, 0, "one")
	b.Done, b.Parcels = []string{"m1"}, []nostrbot.Parcel{p}
	require.NoError(t, s.Commit(t.Context(), b))
	p.State = nostrbot.ParcelSent
	return s, path, func() error { return s.Update(t.Context(), p) }
}

func parcelState(t *testing.T, s *Store) nostrbot.ParcelState {
	t.Helper()
	parcels, err := s.ParcelsFor(t.Context(), nostrbot.PubKey{1}, "m1")
	require.NoError(t, err)
	require.Len(t, parcels, 1)
	return parcels[0].State
}

// The note of a delivery goes with the next commit, which does not wait for it.
func TestUpdate_GoesWithACommit(t *testing.T) {
	t.Parallel()
	s, _, note := sent(t)
	n := transactions(t, s)
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = note() })
	awaitQueue(s.writer, 1)
	require.Equal(t, nostrbot.ParcelPending, parcelState(t, s))
	require.NoError(t, s.Commit(t.Context(), state(1, 1, "two")))
	wg.Wait()
	require.NoError(t, err)
	require.Equal(t, nostrbot.ParcelSent, parcelState(t, s))
	require.Equal(t, 1, *n, "transactions")
}

// Closing the store waits for no company.
func TestUpdate_Close(t *testing.T) {
	t.Parallel()
	s, path, note := sent(t)
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = note() })
	awaitQueue(s.writer, 1)
	require.NoError(t, s.Close())
	wg.Wait()
	require.NoError(t, err)
	require.Equal(t, nostrbot.ParcelSent, parcelState(t, mustOpen(t, path)))
}

// A full group goes at once, however little it is in a hurry.
func TestUpdate_GroupIsEnough(t *testing.T) {
	t.Parallel()
	s, _, note := sent(t)
	var wg sync.WaitGroup
	errs := make([]error, groupEnough)
	for i := range errs {
		wg.Go(func() { errs[i] = note() })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, nostrbot.ParcelSent, parcelState(t, s))
}
