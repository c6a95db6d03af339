package relay_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := publishOnly(t, r, relay.Config{})
	for reason, want := range map[string]relay.Status{
		"duplicate: have it":                 relay.Accepted,
		"rate-limited: slow down":            relay.Transient,
		"error: disk full":                   relay.Transient,
		"something else: x":                  relay.Transient,
		"no prefix":                          relay.Transient,
		"blocked":                            relay.Transient,
		"pow: difficulty 26 is less than 30": relay.Pow,
		"auth-required: please":              relay.AuthRequired,
		"blocked: you":                       relay.Refused,
		"invalid: bad":                       relay.Refused,
		"restricted: members only":           relay.Refused,
		"mute: nobody listens":               relay.Refused,
		"replaced: have newer":               relay.Refused,
		"deleted: by its author":             relay.Refused,
	} {
		r.Faults.RefuseEvents(reason)
		v := b.Publish(b.ctx, raw(t, toMe(t, reason)))[0]
		require.Equal(t, want, v.Status, reason)
		require.Equal(t, reason, v.Reason)
		require.Equal(t, r.URL(), v.Relay)
		require.NoError(t, v.Err)
		require.Equal(t, want == relay.Accepted, v.Delivered())
		require.Equal(t, want == relay.Refused, v.Final())
		require.WithinDuration(t, time.Now(), v.At, time.Minute)
	}
	require.Empty(t, r.Events())
}

// What is published is the bytes as they are.
func TestPublishSendsTheBytes(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := publishOnly(t, r, relay.Config{})
	ev := toMe(t, "<&> \u2028")
	spaced := fmt.Appendf(nil, ` { "sig":%q,"id":%q, "pubkey":%q,"created_at":%d,"kind":1059,"tags":[["p",%q]],"content":"\u003c&> \u2028","more":1}`,
		ev.Sig, ev.ID, ev.PubKey, ev.CreatedAt, me)
	v := b.Publish(b.ctx, spaced)[0]
	require.True(t, v.Delivered(), "%+v", v)
	require.Equal(t, string(spaced[1:]), string(b.wait(r, devrelay.EVENT, 1).Raw))
	v = b.Publish(b.ctx, spaced)[0]
	require.True(t, v.Delivered())
	require.Contains(t, v.Reason, "duplicate:")
}

func TestNotAnEvent(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := publishOnly(t, r, relay.Config{})
	ev := *toMe(t, "x")
	ev.Content = "changed"
	for _, bytes := range [][]byte{nil, []byte("{}"), []byte("nonsense"), []byte("null"), raw(t, &ev), make([]byte, 600<<10)} {
		v := b.Publish(b.ctx, bytes)[0]
		require.ErrorIs(t, v.Err, relay.ErrEvent)
		require.True(t, v.Final())
	}
	require.Zero(t, r.Count(devrelay.EVENT))
}

// A connection that is lost before the OK is no delivery, though the relay may
// have stored the event; the same bytes again settle it.
func TestLostBeforeOK(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := publishOnly(t, r, relay.Config{})
	r.Faults.CutBeforeOK(1)
	ev := raw(t, toMe(t, "x"))
	v := b.Publish(b.ctx, ev)[0]
	require.Equal(t, relay.NoAnswer, v.Status)
	require.ErrorIs(t, v.Err, relay.ErrDropped)
	require.False(t, v.Delivered() || v.Final())
	require.Len(t, r.Events(), 1)
	b.eventually(r.URL(), func(l relay.Leg) bool { return l.Connects == 2 && l.Live })
	require.True(t, b.Publish(b.ctx, ev)[0].Delivered())
}

func TestPublishEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := publishOnly(t, r, relay.Config{})
	r.Faults.SwallowOKs(true)
	ctx, cancel := context.WithCancel(b.ctx)
	go func() {
		_, _ = r.Wait(b.ctx, devrelay.EVENT, 1)
		cancel()
	}()
	v := b.Publish(ctx, raw(t, toMe(t, "x")))[0]
	require.Equal(t, relay.NoAnswer, v.Status)
	require.ErrorIs(t, v.Err, context.Canceled)
	r.Faults.Clear()
	require.True(t, b.Publish(b.ctx, raw(t, toMe(t, "y")))[0].Delivered(), "the connection is unharmed")
	require.Equal(t, 1, r.Count(devrelay.Connected))
}

func TestLateOK(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := publishOnly(t, r, relay.Config{Timing: relay.Timing{Publish: 50 * time.Millisecond}})
	r.Faults.HoldOKs()
	accepted, limited := raw(t, toMe(t, "accepted")), raw(t, toMe(t, "limited"))
	v := b.Publish(b.ctx, accepted)[0]
	require.ErrorIs(t, v.Err, relay.ErrTimeout)
	r.Faults.RefuseEvents("rate-limited: slow down")
	require.Equal(t, relay.NoAnswer, b.Publish(b.ctx, limited)[0].Status)
	b.wait(r, devrelay.EVENT, 2)
	r.Faults.ReleaseOKs()
	b.eventually(r.URL(), func(l relay.Leg) bool { return l.LateOKs == 2 })

	v = b.Publish(b.ctx, accepted)[0]
	require.True(t, v.Delivered(), "%+v", v)
	require.Equal(t, 2, r.Count(devrelay.EVENT), "known without asking")
	r.Faults.Clear()
	require.Eventually(t, func() bool { return b.Publish(b.ctx, limited)[0].Delivered() }, time.Minute, time.Millisecond,
		"a transient refusal is not remembered")
}

func TestSameEventAtOnce(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := publishOnly(t, r, relay.Config{})
	r.Faults.HoldOKs()
	ev := toMe(t, "x")
	bytes := raw(t, ev)
	const n = 8
	verdicts := make([]relay.Verdict, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { verdicts[i] = b.Publish(b.ctx, bytes)[0] })
	}
	leaving, leave := context.WithCancel(b.ctx)
	left := make(chan relay.Verdict)
	go func() { left <- b.Publish(leaving, bytes)[0] }()
	require.Eventually(t, func() bool { return b.Waiters(r.URL(), ev.ID) == n+1 }, time.Minute, time.Millisecond)
	leave()
	require.Equal(t, relay.NoAnswer, (<-left).Status, "who leaves takes nobody along")
	r.Faults.ReleaseOKs()
	wg.Wait()
	for _, v := range verdicts {
		require.True(t, v.Delivered())
	}
	require.Equal(t, 1, r.Count(devrelay.EVENT))
}

func TestPublishToSeveral(t *testing.T) {
	t.Parallel()
	good, down, limited := startRelay(t, devrelay.Options{}), startRelay(t, devrelay.Options{}), startRelay(t, devrelay.Options{})
	down.Faults.RefuseConnections(true)
	limited.Faults.RefuseEvents("rate-limited: x")
	b := startPool(t, relay.Config{URLs: []string{good.URL(), down.URL(), limited.URL()}})
	b.eventually(good.URL(), isLive)
	b.eventually(limited.URL(), isLive)
	b.eventually(down.URL(), func(l relay.Leg) bool { return l.Err != nil })
	ev := raw(t, toMe(t, "x"))
	statuses := func(verdicts []relay.Verdict) (all []string) {
		for _, v := range verdicts {
			all = append(all, v.Relay+" "+v.Status.String())
		}
		return all
	}
	require.Equal(t, []string{good.URL() + " accepted", down.URL() + " no answer", limited.URL() + " transient"}, statuses(b.Publish(b.ctx, ev)))
	verdicts := b.Publish(b.ctx, ev, limited.URL()+"/", "wss://elsewhere.example", "http://x", limited.URL())
	require.Equal(t, []string{limited.URL() + " transient", "wss://elsewhere.example refused", "http://x refused"}, statuses(verdicts))
	require.ErrorIs(t, verdicts[1].Err, relay.ErrNotOwn)
	require.ErrorIs(t, verdicts[2].Err, relay.ErrURL)
}

func TestPublishWithoutRun(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	pool, err := relay.New(relay.Config{URLs: []string{r.URL()}})
	require.NoError(t, err)
	ev := raw(t, toMe(t, "x"))
	require.ErrorIs(t, pool.Publish(t.Context(), ev)[0].Err, relay.ErrNotConnected)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- pool.Run(ctx) }()
	require.True(t, pool.Publish(t.Context(), ev)[0].Delivered(), "the first connect is waited for")
	require.ErrorIs(t, pool.Run(ctx), relay.ErrRunning)
	cancel()
	require.NoError(t, <-done)
	_, err = r.Wait(t.Context(), devrelay.Disconnected, 1)
	require.NoError(t, err)
	require.ErrorIs(t, pool.Publish(t.Context(), ev)[0].Err, relay.ErrNotConnected)
	require.False(t, pool.Health()[0].Connected)
}
