package relay_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestGuests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, client := memRelay(t)
		ups := make(chan string, 1000)
		pool, err := relay.New(relay.Config{GuestClient: client, Sign: sign, OnUp: func(url string) { ups <- url }})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ev := raw(t, toMe(t, "x"))
		require.ErrorIs(t, pool.Publish(ctx, ev, mem)[0].Err, relay.ErrNotConnected)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = pool.Run(ctx)
		}()
		t.Cleanup(func() {
			cancel()
			<-done
		})
		synctest.Wait()
		require.Empty(t, pool.Publish(ctx, ev), "no own relays")

		r.Faults.RequireAuth(devrelay.AuthSilent)
		require.True(t, pool.Publish(ctx, ev, mem)[0].Delivered())
		require.Equal(t, mem, <-ups)
		pass(50 * time.Second)
		require.Zero(t, r.Count(devrelay.AUTH), "we tell who we are only if it insists")
		r.Faults.RequireAuth(devrelay.AuthOnConnect)
		require.True(t, pool.Publish(ctx, ev, mem)[0].Delivered())
		require.Equal(t, 1, r.Count(devrelay.AUTH))
		for range 2 {
			pass(50 * time.Second)
			require.True(t, pool.Publish(ctx, ev, mem)[0].Delivered())
		}
		require.Equal(t, 1, r.Count(devrelay.Connected), "it was in use all the while")
		require.True(t, pool.Health()[0].Guest)
		require.Zero(t, r.Count(devrelay.REQ), "a guest gets no subscription")
		pass(2*time.Minute + time.Second)
		require.Empty(t, pool.Health())
		require.Equal(t, 1, r.Count(devrelay.Disconnected))
		require.True(t, pool.Publish(ctx, ev, mem)[0].Delivered(), "and back again")

		r.Faults.HalfOpen(true)
		began := time.Now()
		v := pool.Publish(ctx, ev, "ws://hole")[0]
		require.ErrorIs(t, v.Err, relay.ErrNotConnected)
		require.Equal(t, 7*time.Second, time.Since(began))
		r.Faults.HalfOpen(false)
		pass(time.Minute)

		for i := range 70 { // more than may be there at once
			require.True(t, pool.Publish(ctx, ev, "ws://mem"+strings.Repeat("x", i))[0].Delivered())
		}
		require.Len(t, pool.Health(), 64)
		synctest.Wait()
		require.Equal(t, 64, r.Count(devrelay.Connected)-r.Count(devrelay.Disconnected))
	})
}

func TestTooManyGuestsInUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, client := memRelay(t)
		r.Faults.HalfOpen(true)
		pool, err := relay.New(relay.Config{GuestClient: client})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = pool.Run(ctx)
		}()
		t.Cleanup(func() {
			cancel()
			<-done
		})
		synctest.Wait()
		var many []string
		for i := range 65 {
			many = append(many, "ws://mem"+strings.Repeat("x", i))
		}
		verdicts := pool.Publish(ctx, raw(t, toMe(t, "x")), many...)
		require.ErrorIs(t, verdicts[63].Err, relay.ErrNotConnected)
		require.ErrorIs(t, verdicts[64].Err, relay.ErrGuests)
	})
}

// One guest that never answers is waited for by a few only.
func TestGuestThatNeverAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, client := memRelay(t)
		r.Faults.SwallowOKs(true)
		pool, err := relay.New(relay.Config{GuestClient: client})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = pool.Run(ctx) })
		t.Cleanup(func() {
			cancel()
			wg.Wait()
		})
		synctest.Wait()
		ev := raw(t, toMe(t, "x"))
		for range 16 {
			wg.Go(func() { pool.Publish(ctx, ev, mem) })
		}
		synctest.Wait()
		require.ErrorIs(t, pool.Publish(ctx, ev, mem)[0].Err, relay.ErrBusy)
		pass(8 * time.Second)
		r.Faults.SwallowOKs(false)
		require.True(t, pool.Publish(ctx, ev, mem)[0].Delivered())
	})
}
