package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/dmshop/dmshop/nostrbot"
)

// lock takes the file's write lock as another process would, and returns what
// lets it go.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	return func() {
		require.NoError(t, conn.Close())
		require.NoError(t, db.Close())
	}
}

// awaitQueue waits until n writes wait for their turn.
func awaitQueue(w *writer, n int) {
	for {
		w.mu.Lock()
		got := len(w.queue)
		w.mu.Unlock()
		if got == n {
			return
		}
		runtime.Gosched()
	}
}

// transactions counts those that wrote, from now on.
func transactions(t *testing.T, s *Store) *int {
	t.Helper()
	n := new(int)
	require.NoError(t, s.writer.conn.Raw(func(conn any) error {
		conn.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 { *n++; return 0 })
		return nil
	}))
	return n
}

// What waits is written in one transaction, refusals and all.
func TestGroup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	s := mustOpen(t, path)
	require.NoError(t, s.Commit(t.Context(), nostrbot.Batch{Customer: nostrbot.PubKey{1}, Rev: 0, Done: []string{"m1"}, Now: testNow}))
	n := transactions(t, s)
	unlock := lock(t, path)
	const waiting = groupMax + 1
	errs := make([]error, waiting)
	var wg sync.WaitGroup
	for i := range waiting {
		wg.Go(func() {
			b := state(byte(i+2), 0, "one")
			switch i % 4 {
			case 1: // one that does part of its work and is then refused
				b = state(1, 9, "lost")
				b.Done = []string{fmt.Sprint("lost", i)}
			case 2:
				b = state(1, 1, "lost")
				b.Done = []string{fmt.Sprint("lost", i), "m1"}
			case 3:
				_, errs[i] = s.Put(t.Context(), fmt.Sprint("k", i), nil, 0)
				return
			}
			errs[i] = s.Commit(t.Context(), b)
		})
	}
	awaitQueue(s.writer, waiting)
	unlock()
	wg.Wait()
	for i, err := range errs {
		c, loadErr := s.Load(t.Context(), nostrbot.PubKey{byte(i + 2)}, testNow)
		require.NoError(t, loadErr)
		switch i % 4 {
		case 0:
			require.NoError(t, err)
			require.Equal(t, "one", string(c.State), "write %d", i)
		case 1:
			require.ErrorIs(t, err, nostrbot.ErrConflict)
		case 2:
			require.ErrorIs(t, err, nostrbot.ErrDone)
		case 3:
			require.NoError(t, err)
		}
	}
	names, err := s.List(t.Context(), "k")
	require.NoError(t, err)
	require.Len(t, names, waiting/4)
	c, err := s.Load(t.Context(), nostrbot.PubKey{1}, testNow, "m1", "lost1", "lost2")
	require.NoError(t, err)
	require.Equal(t, nostrbot.Conversation{Rev: 1, Done: []string{"m1"}}, c, "refused is nothing")
	require.Equal(t, 2, *n, "transactions: a full one and the rest")
}

// A transaction that fails is nobody's success, and the next one works.
func TestGroup_Fails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	s := mustOpen(t, path)
	require.NoError(t, s.Commit(t.Context(), state(1, 0, "one")))
	pages := func(n int) { require.NoError(t, s.writer.exec(fmt.Sprintf("PRAGMA max_page_count = %d", n))) }
	pages(1) // SQLite takes the present size
	unlock := lock(t, path)
	const waiting = 3
	errs := make([]error, waiting)
	var wg sync.WaitGroup
	for i := range waiting {
		wg.Go(func() {
			errs[i] = s.Commit(t.Context(), state(byte(i+1), int64(1-min(i, 1)), strings.Repeat("x", 100_000*min(i+1, 2))))
		})
	}
	awaitQueue(s.writer, waiting)
	unlock()
	wg.Wait()
	for i, err := range errs {
		require.ErrorContains(t, err, "the disk is full", "write %d", i)
		c, err := s.Load(t.Context(), nostrbot.PubKey{byte(i + 1)}, testNow)
		require.NoError(t, err)
		require.EqualValues(t, 1-min(i, 1), c.Rev)
	}
	pages(1 << 30)
	require.NoError(t, s.Commit(t.Context(), state(1, 1, "two")))
}

// A transaction that goes wrong in the middle is not left open.
func TestGroup_Abandoned(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, filepath.Join(t.TempDir(), "shop.db"))
	err := s.writer.do(t.Context(), func(*writes) error { return s.writer.exec("RELEASE job") })
	require.ErrorContains(t, err, "no such savepoint")
	require.NoError(t, s.Commit(t.Context(), state(1, 0, "one")))
}

// A commit that the disk refuses at the last moment takes back all verdicts,
// those of the refused included: they were made in view of what is gone.
func TestGroup_CommitFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	s := mustOpen(t, path)
	var fail int32 = 1
	require.NoError(t, s.writer.conn.Raw(func(conn any) error {
		conn.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 { return fail })
		return nil
	}))
	unlock := lock(t, path)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			b := state(1, nostrbot.AnyRev, "")
			b.Done = []string{"m1"} // the same: one writes it, the others are refused
			errs[i] = s.Commit(t.Context(), b)
		})
	}
	awaitQueue(s.writer, len(errs))
	unlock()
	wg.Wait()
	for _, err := range errs {
		require.Error(t, err)
		require.NotErrorIs(t, err, nostrbot.ErrDone, "nobody has done it")
	}
	c, err := s.Load(t.Context(), nostrbot.PubKey{1}, testNow, "m1")
	require.NoError(t, err)
	require.Empty(t, c.Done)
	require.NoError(t, s.writer.conn.Raw(func(any) error { fail = 0; return nil }))
	require.NoError(t, s.Commit(t.Context(), state(1, 0, "one")))
}

// A ctx that is over before the call does not even queue.
func TestCommit_Over(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, filepath.Join(t.TempDir(), "shop.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.writer.mu.Lock()
	result := make(chan error, 1)
	go func() { result <- s.Commit(ctx, state(1, 0, "one")) }()
	var err error
	select {
	case err = <-result:
	case <-time.After(10 * time.Second):
		err = errors.New("waits for the queue")
	}
	s.writer.mu.Unlock()
	require.ErrorIs(t, err, context.Canceled)
}

func TestCommit_Withdrawn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	s := mustOpen(t, path)
	unlock := lock(t, path)
	ctx, cancel := context.WithCancelCause(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, 3)
	wg.Go(func() { errs[0] = s.Commit(ctx, state(1, 0, "one")) })
	wg.Go(func() { _, errs[1] = s.Put(ctx, "k", nil, 0) })
	awaitQueue(s.writer, 2)
	wg.Go(func() { errs[2] = s.Commit(t.Context(), state(2, 0, "two")) })
	awaitQueue(s.writer, 3)
	cancel(errors.New("enough"))
	awaitQueue(s.writer, 1) // at once, while the lock is held
	unlock()
	wg.Wait()
	require.ErrorIs(t, errs[0], context.Canceled)
	require.ErrorIs(t, errs[1], context.Canceled)
	require.NoError(t, errs[2])
	c, err := s.Load(t.Context(), nostrbot.PubKey{1}, testNow)
	require.NoError(t, err)
	require.Zero(t, c.Rev, "withdrawn is not written")
	names, err := s.List(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, names)
}

// Somebody who keeps the lock is named, and forgiven.
func TestCommit_Locked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	s, err := open(path, 20*time.Millisecond)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	unlock := lock(t, path)
	require.ErrorContains(t, s.Commit(t.Context(), state(1, 0, "one")), "another process keeps the file locked")
	c, err := s.Load(t.Context(), nostrbot.PubKey{1}, testNow)
	require.NoError(t, err, "reads go on")
	require.Zero(t, c.Rev)
	unlock()
	require.NoError(t, s.Commit(t.Context(), state(1, 0, "one")))
}

// Close writes what waits; whoever comes later hears that it is closed.
func TestClose_Waiting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	s := mustOpen(t, path)
	unlock := lock(t, path)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = s.Commit(t.Context(), state(byte(i+1), 0, "one")) })
	}
	awaitQueue(s.writer, len(errs))
	wg.Go(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for closed := false; !closed; runtime.Gosched() {
		s.writer.mu.Lock()
		closed = s.writer.closed
		s.writer.mu.Unlock()
	}
	require.ErrorIs(t, s.Commit(t.Context(), state(1, 1, "two")), nostrbot.ErrStoreClosed)
	unlock()
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	s = mustOpen(t, path)
	for i := range errs {
		c, err := s.Load(t.Context(), nostrbot.PubKey{byte(i + 1)}, testNow)
		require.NoError(t, err)
		require.EqualValues(t, 1, c.Rev)
	}
}

// Open, use from many goroutines, and close in the midst: every call succeeds
// whole or says that the store is closed, and nothing is left behind.
func TestClose_Stress(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	acked := map[byte]int64{}
	for range 10 {
		s, err := Open(path)
		require.NoError(t, err)
		var wg sync.WaitGroup
		var mu sync.Mutex
		begun := make(chan struct{}, 4)
		for i := range byte(4) {
			rev := acked[i]
			wg.Go(func() {
				for {
					err := s.Commit(t.Context(), state(i+1, rev, "x"))
					if err == nil {
						_, err = s.Load(t.Context(), nostrbot.PubKey{i + 1}, testNow, "m")
						rev++
					}
					select {
					case begun <- struct{}{}:
					default:
					}
					if err != nil {
						if !errors.Is(err, nostrbot.ErrStoreClosed) {
							t.Error(err)
						}
						mu.Lock()
						acked[i] = rev
						mu.Unlock()
						return
					}
				}
			})
		}
		for range cap(begun) {
			<-begun
		}
		require.NoError(t, s.Close())
		wg.Wait()
	}
	s := mustOpen(t, path)
	for i, rev := range acked {
		c, err := s.Load(t.Context(), nostrbot.PubKey{i + 1}, testNow)
		require.NoError(t, err)
		require.Equal(t, rev, c.Rev)
	}
}

// What nobody can see any more leaves the file, too: ids, sessions, parcels.
func TestForget(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	s := mustOpen(t, path)
	const n = 100
	secret := strings.Repeat("phone number ", 20)
	for i := range n {
		b := state(byte(i+1), 0, secret)
		b.Done = []string{"m1", "m2"}
		b.Parcels = []nostrbot.Parcel{{ID: "p1", To: b.Customer, Event: []byte(secret)}}
		require.NoError(t, s.Commit(t.Context(), b))
		p := b.Parcels[0]
		p.State, p.Event = nostrbot.ParcelSent, []byte(secret)
		require.NoError(t, s.Update(t.Context(), p))
	}
	rows := func() (sessions, ids, parcels int) {
		t.Helper()
		require.NoError(t, s.reads.QueryRowContext(t.Context(), `SELECT
			(SELECT count(state) FROM conversation), (SELECT count(*) FROM done), (SELECT count(*) FROM parcel)`).
			Scan(&sessions, &ids, &parcels))
		return
	}
	later := func(d time.Duration) {
		t.Helper()
		sessions, ids, parcels := rows()
		for i := range n { // many times what one commit removes
			require.NoError(t, s.Commit(t.Context(), nostrbot.Batch{
				Customer: nostrbot.PubKey{0xff}, Rev: nostrbot.AnyRev, Now: testNow.Add(d), Done: []string{fmt.Sprint(d, i)},
			}))
			if i == 0 {
				s, d, p := rows()
				require.Less(t, sessions-s, n*3/4, "a portion at a time")
				require.Less(t, ids-d, n*3/4, "a portion at a time")
				require.Less(t, parcels-p, n*3/4, "a portion at a time")
			}
		}
	}
	later(nostrbot.SessionTTL)
	sessions, ids, parcels := rows()
	require.Equal(t, []int{0, 3 * n, n}, []int{sessions, ids, parcels})
	later(nostrbot.DoneTTL)
	_, ids, parcels = rows()
	require.Equal(t, []int{2 * n, 0}, []int{ids, parcels}, "what came later stays")
	require.NoError(t, s.Close())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(file), "phone number", "removed is overwritten")
}
