package paymentstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

var errEnough = errors.New("seen enough")

// watch calls Watch in the background until the test ends or seen says enough,
// and tells how it ended.
func watch(t *testing.T, w payments.Watcher, cursor string, seen func(payments.Notice) error) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	end, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		end <- w.Watch(ctx, cursor, func(_ context.Context, n payments.Notice) error { return seen(n) })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return end
}

// firstNotice pays invoices until the watcher tells one: nobody can see when a
// subscription stands.
func firstNotice(t *testing.T, s Shop, notices <-chan payments.Notice) payments.Notice {
	t.Helper()
	for i := range 10 {
		payNew(t, s, fmt.Sprint("probe-", i))
		select {
		case n := <-notices:
			return n
		case <-time.After(patience / 10):
		}
	}
	t.Fatal("no payment was told")
	panic("unreachable")
}

// payNew makes and pays an invoice.
func payNew(t *testing.T, s Shop, key string) (id string) {
	t.Helper()
	inv, err := s.Provider.CreateInvoice(t.Context(), charge(key))
	require.NoError(t, err)
	s.Pay(t, inv.Bolt11)
	awaitStatus(t, s, inv.ID, payments.Settled)
	return inv.ID
}

func testWatch(t *testing.T, s Shop) {
	watcher := capability[payments.Watcher](t, s.Provider, payments.CanWatch)
	notices := make(chan payments.Notice, 64)
	watch(t, watcher, "", func(n payments.Notice) error { notices <- n; return nil })
	n := firstNotice(t, s, notices)
	awaitStatus(t, s, n.ID, payments.Settled)
	require.LessOrEqual(t, len(n.Cursor), 256)
	for want := payNew(t, s, "next"); n.ID != want; { // probes may come first
		n = receive(t, notices)
	}
}

// What comes after a cursor is told to whoever resumes there, also much later.
func testWatchResumes(t *testing.T, s Shop) {
	watcher := capability[payments.Watcher](t, s.Provider, payments.CanWatch|payments.CanResume)
	notices := make(chan payments.Notice, 64)
	end := watch(t, watcher, "", func(n payments.Notice) error { notices <- n; return errEnough })
	seen := firstNotice(t, s, notices)
	require.NotEmpty(t, seen.Cursor)
	require.ErrorIs(t, receive(t, end), errEnough, "what fn returned")
	missed := []string{payNew(t, s, "missed-1"), payNew(t, s, "missed-2")}

	for range 2 { // to resume again is safe
		var told []string
		end = watch(t, watcher, seen.Cursor, func(n payments.Notice) error {
			if n.ID == seen.ID || slices.Contains(missed, n.ID) { // of all that others may be paid
				told = append(told, n.ID)
			}
			if n.ID == missed[1] {
				return errEnough
			}
			return nil
		})
		require.ErrorIs(t, receive(t, end), errEnough)
		require.GreaterOrEqual(t, len(told), 2)
		require.Equal(t, missed, told[len(told)-2:], "in the wallet's order")
		require.NotContains(t, told, seen.ID, "nothing from before the cursor")
	}
}

func testWatchEnds(t *testing.T, s Shop) {
	watcher := capability[payments.Watcher](t, s.Provider, payments.CanWatch)
	err := watcher.Watch(endedContext(t), "", func(context.Context, payments.Notice) error { return nil })
	requireError(t, err, context.Canceled)
}

func endedContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// receive waits for what must come.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
