package relay_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

const mem = "ws://mem"

// inBubble runs a pool with the default timings against a relay, on virtual
// time.
func inBubble(t *testing.T, cfg relay.Config, test func(t *testing.T, r *devrelay.Relay, b *bench)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, client := memRelay(t)
		cfg.URLs = []string{mem}
		cfg.Client = client
		cfg.Timing.BackoffMin, cfg.Timing.BackoffMax = time.Second, time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		b := &bench{t: t, ctx: ctx, got: make(chan relay.Delivery, 1000)}
		if cfg.Filters == nil {
			cfg.Filters = everyMine
			cfg.Deliver = func(_ context.Context, d relay.Delivery) { b.got <- d }
		}
		pool, err := relay.New(cfg)
		require.NoError(t, err)
		b.Pool = pool
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
		test(t, r, b)
	})
}

// pass lets virtual time pass, and all that happens in it.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

func TestHalfOpenIsNoticed(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		pass(10 * time.Minute)
		require.True(t, b.leg(mem).Live)
		require.EqualValues(t, 1, b.leg(mem).Connects, "pings keep it up")
		r.Faults.HalfOpen(true)
		pass(66 * time.Second) // at most one ping interval and the 45 s
		require.False(t, b.leg(mem).Connected)
		require.ErrorContains(t, b.leg(mem).Err, "connect") // trying again, in vain
		r.Faults.HalfOpen(false)
		require.NoError(t, r.Publish(toMe(t, "missed")))
		pass(2 * time.Minute)
		require.True(t, b.leg(mem).Live)
		b.expect("missed")
	})
}

func TestStuckWriteIsNoticed(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.HalfOpen(true)
		began := time.Now()
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		v := b.Publish(ctx, raw(t, toMe(t, strings.Repeat("x", 100_000))))[0]
		require.ErrorIs(t, v.Err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began), "ctx is honoured while a write is stuck")
		v = b.Publish(b.ctx, raw(t, toMe(t, "small")))[0]
		require.ErrorIs(t, v.Err, relay.ErrTimeout)
		require.Equal(t, 8*time.Second, time.Since(began))
		pass(3 * time.Second)
		require.False(t, b.leg(mem).Connected, "10 s for a frame")
		require.ErrorContains(t, b.leg(mem).Err, "does not take")
	})
}

func TestSendQueueIsBounded(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.HalfOpen(true)
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		var last relay.Verdict
		for range 20 {
			last = b.Publish(ctx, raw(t, toMe(t, strings.Repeat("x", 400_000))))[0]
			require.Equal(t, relay.NoAnswer, last.Status)
			pass(time.Millisecond)
		}
		pass(0)
		require.ErrorIs(t, b.Publish(b.ctx, raw(t, toMe(t, strings.Repeat("y", 400_000))))[0].Err, relay.ErrBusy)
	})
}

func TestSilenceEndsInFreshREQ(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.IgnoreREQs(true)
		r.Faults.CloseSubscriptions("error: x")
		pass(2 * time.Second)
		require.Equal(t, 2, r.Count(devrelay.REQ))
		require.False(t, b.leg(mem).Live)
		r.Faults.IgnoreREQs(false)
		pass(33 * time.Second)
		require.Equal(t, 3, r.Count(devrelay.REQ), "after 30 s of silence and a wait")
		require.True(t, b.leg(mem).Live)
		require.Equal(t, 1, r.Count(devrelay.Connected))
	})
}

// A relay that is slow to send what it keeps is not silent.
func TestSlowAnswerIsNoSilence(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.WithholdEOSE(true)
		r.Faults.CloseSubscriptions("error: x")
		pass(2 * time.Second)
		for range 10 {
			require.NoError(t, r.Publish(toMe(t, nostr.GeneratePrivateKey())))
			pass(20 * time.Second)
		}
		require.Len(t, b.got, 10)
		require.Equal(t, 2, r.Count(devrelay.REQ))
		pass(15 * time.Second)
		require.Equal(t, 3, r.Count(devrelay.REQ))
	})
}

func TestRefreshFindsWhatCameLate(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.WithholdLive(true) // EOSE was sent, but the relay forgot us
		require.NoError(t, r.Publish(toMe(t, "unheard")))
		pass(59 * time.Minute)
		require.Empty(t, b.got)
		pass(2 * time.Minute)
		b.expect("unheard")
		require.Equal(t, 2, r.Count(devrelay.REQ))
		require.Equal(t, 1, r.Count(devrelay.CLOSE), "the old one is ended")
		first, err := r.Wait(b.ctx, devrelay.REQ, 1)
		require.NoError(t, err)
		ended, err := r.Wait(b.ctx, devrelay.CLOSE, 1)
		require.NoError(t, err)
		require.Equal(t, first.Sub, ended.Sub)
		r.Faults.WithholdLive(false)
		require.NoError(t, r.Publish(toMe(t, "live again")))
		require.False(t, b.next().Stored, "live again")
	})
}

// A relay that pours out everything at each REQ, newest first, to a bot that
// handles it slowly: the oldest are reached all the same.
func TestSlowDeliverGetsThrough(t *testing.T) {
	const n = 1000
	handled := make(map[string]int)
	inBubble(t, relay.Config{
		Filters: func(time.Time) []nostr.Filter { return []nostr.Filter{{Kinds: []int{1}}} },
		Deliver: func(_ context.Context, d relay.Delivery) {
			<-time.NewTimer(10 * time.Millisecond).C
			handled[d.Event.ID]++
		},
	}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.IgnoreLimits(true)
		r.Faults.WithholdLive(true)
		for i := range n {
			require.NoError(t, r.Inject(raw(t, unsigned(i))))
		}
		r.Faults.CloseSubscriptions("error: ask again")
		pass(n * 10 * time.Millisecond * 2)
		require.Len(t, handled, n)
		require.True(t, b.leg(mem).Live && b.leg(mem).CaughtUp)
		require.Greater(t, b.leg(mem).Overflows, uint64(2))
	})
}

// unsigned is an event whose id is right and whose signature is not.
func unsigned(i int) *nostr.Event {
	ev := &nostr.Event{PubKey: me, Sig: me + me, Kind: 1, CreatedAt: nostr.Timestamp(i), Tags: nostr.Tags{}}
	ev.ID = ev.GetID()
	return ev
}

// Failures in a row are answered ever later; a healthy spell begins anew.
func TestBackoffGrowsAndResets(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.RefuseREQs("error: no")
		r.Faults.CloseSubscriptions("error: no")
		pass(time.Hour)
		reqs := r.Count(devrelay.REQ)
		require.Greater(t, reqs, 60, "at most a minute apart")
		require.Less(t, reqs, 400)
		r.Faults.Clear()
		pass(2 * time.Minute)
		require.True(t, b.leg(mem).Live)
		r.Faults.CloseSubscriptions("error: once")
		pass(1001 * time.Millisecond)
		require.True(t, b.leg(mem).Live)

		r.Faults.RefuseConnections(true)
		r.Faults.DropConnections()
		pass(time.Hour)
		r.Faults.Clear()
		pass(time.Minute)
		require.True(t, b.leg(mem).Live, "never gives up")
		pass(time.Minute)
		r.Faults.DropConnections()
		pass(1001 * time.Millisecond)
		require.True(t, b.leg(mem).Live, "it was healthy")
	})
}

// A refresh asked for in the middle of catching up comes after it.
func TestRefreshWhileCatchingUp(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		b.Refresh()
		synctest.Wait()
		require.Equal(t, 2, r.Count(devrelay.REQ))
		r.Faults.WithholdEOSE(true)
		b.Refresh()
		synctest.Wait()
		b.Refresh()
		b.Refresh()
		synctest.Wait()
		require.Equal(t, 3, r.Count(devrelay.REQ))
		r.Faults.WithholdEOSE(false)
		third, err := r.Wait(b.ctx, devrelay.REQ, 3)
		require.NoError(t, err)
		r.SendFrame(`["EOSE","` + third.Sub + `"]`)
		synctest.Wait()
		require.Equal(t, 4, r.Count(devrelay.REQ))
		require.True(t, b.leg(mem).CaughtUp)
	})
}

// A relay that is known to be down costs a Publish no time.
func TestDownIsNotWaitedFor(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.RefuseConnections(true)
		r.Faults.DropConnections()
		synctest.Wait()
		began := time.Now()
		require.ErrorIs(t, b.Publish(b.ctx, raw(t, toMe(t, "x")))[0].Err, relay.ErrNotConnected)
		require.Zero(t, time.Since(began))
	})
}

func TestLateOKIsForgotten(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		ev := raw(t, toMe(t, "x"))
		r.Faults.DelayOKs(time.Minute)
		v := b.Publish(b.ctx, ev)[0]
		require.ErrorIs(t, v.Err, relay.ErrTimeout)
		pass(time.Minute)
		require.EqualValues(t, 1, b.leg(mem).LateOKs)
		r.Faults.Clear()
		require.True(t, b.Publish(b.ctx, ev)[0].Delivered())
		require.Equal(t, 1, r.Count(devrelay.EVENT))
		pass(11 * time.Minute)
		require.True(t, b.Publish(b.ctx, ev)[0].Delivered())
		require.Equal(t, 2, r.Count(devrelay.EVENT))
	})
}

// The late-OK memory does not grow with a relay that never answers.
func TestManyUnanswered(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.HoldOKs()
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		for i := range 1100 {
			b.Publish(ctx, raw(t, unsigned(i)))
		}
		synctest.Wait()
		require.LessOrEqual(t, b.Publications(mem), 1024)
	})
}

// A relay that takes the AUTH without a word is asked again all the same.
func TestAuthWithoutAnswer(t *testing.T) {
	inBubble(t, relay.Config{Sign: sign}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.SendFrame(`["AUTH","a challenge of nobody"]`) // refused as wrong
		pass(time.Second)
		require.Equal(t, 1, r.Count(devrelay.AUTH))
		require.True(t, b.leg(mem).Live)
		require.False(t, b.leg(mem).Authed)
		require.ErrorContains(t, b.leg(mem).Err, "wrong challenge")
	})
}

// Challenges without end do not make us sign without end, or ask again.
func TestChallengeFlood(t *testing.T) {
	var signatures atomic.Int64
	inBubble(t, relay.Config{Sign: func(ctx context.Context, ev *nostr.Event) error {
		signatures.Add(1)
		return sign(ctx, ev)
	}}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		for i := range 50 {
			r.SendFrame(`["AUTH","` + strings.Repeat("x", i+1) + `"]`)
			synctest.Wait()
		}
		require.EqualValues(t, 1, signatures.Load())
		pass(2 * time.Second)
		require.EqualValues(t, 2, signatures.Load(), "the last one")

		r.Faults.RequireAuth(devrelay.AuthOnConnect)
		pass(2 * time.Second)
		require.True(t, b.leg(mem).Authed)
		require.EqualValues(t, 3, signatures.Load())
		r.Faults.RequireAuth(devrelay.AuthSilent) // the same challenge again
		pass(time.Minute)
		require.EqualValues(t, 3, signatures.Load())
		require.True(t, b.leg(mem).Live)
	})
}
