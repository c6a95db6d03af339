package keylock_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/keylock"
)

func TestLocks(t *testing.T) {
	t.Parallel()
	var l keylock.Locks
	var wg sync.WaitGroup
	inside, most, others := 0, 0, 0 // guarded by the key "a", the last by "b"
	for range 50 {
		wg.Go(func() {
			unlock, err := l.Lock(t.Context(), "a")
			if err != nil {
				return
			}
			defer unlock()
			inside++
			most = max(most, inside)
			other, err := l.Lock(t.Context(), "b") // another key is another lock
			if err == nil {
				others++
				other()
			}
			inside--
		})
	}
	wg.Wait()
	require.Equal(t, 1, most)
	require.Equal(t, 50, others)
}

func TestLocks_EndWithTheContext(t *testing.T) {
	t.Parallel()
	var l keylock.Locks
	unlock, err := l.Lock(t.Context(), "a")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = l.Lock(ctx, "a")
	require.ErrorIs(t, err, context.Canceled)
	unlock()
	unlock, err = l.Lock(t.Context(), "a")
	require.NoError(t, err)
	unlock()
}
