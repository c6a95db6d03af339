package nostrbot

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

// What waits for the budget has not been handled: the inbox is not whole, and a
// relay has not handed out its backlog before that has gone through.
func TestDecryptBudget_WhatWaitsIsNotHandled(t *testing.T) {
	t.Parallel()
	b, err := New(Config{
		Signer: Nsec(strings.Repeat("01", 32)), Relays: []string{"ws://127.0.0.1:1"},
		Clock: &stoppedClock{now: time.Now()}, DecryptBudget: DecryptBudget{PerSecond: 1000, Burst: 1, Waiting: 2},
	})
	require.NoError(t, err)
	in := &b.intake
	wrap := func(i int) {
		in.deliver(t.Context(), relay.Delivery{Event: &nostr.Event{ID: strings.Repeat(strconv.Itoa(i), 64), Kind: kindGiftWrap}})
	}
	for i := range 3 {
		wrap(i)
	}
	in.caughtUp(t.Context(), "ws://127.0.0.1:1")
	require.Len(t, in.order, 1)
	<-in.order
	in.queued.Store(0)
	require.False(t, in.quiet())

	b.cfg.Clock = machineClock{}
	var wg sync.WaitGroup
	for _, l := range []*lane{&in.lanes.trusted, &in.lanes.others} {
		wg.Go(func() { l.run(t.Context()) })
	}
	t.Cleanup(func() { close(in.stop); wg.Wait() })
	for i := range 2 {
		require.Equal(t, strings.Repeat(strconv.Itoa(i+1), 64), (<-in.order).Event.ID)
	}
	require.Nil(t, (<-in.order).Event, "the mark comes last")
	in.queued.Store(0)
	require.True(t, in.quiet())
}

// What does not fit is on the relay still.
func TestDecryptBudget_WhatIsLeftOutIsNotHandled(t *testing.T) {
	t.Parallel()
	b, err := New(Config{
		Signer: Nsec(strings.Repeat("01", 32)), Relays: []string{"ws://127.0.0.1:1"},
		Clock: &stoppedClock{now: time.Now()}, DecryptBudget: DecryptBudget{PerSecond: 1, Burst: 1, Waiting: 1},
	})
	require.NoError(t, err)
	in := &b.intake
	for i := range 3 {
		in.deliver(t.Context(), relay.Delivery{Event: &nostr.Event{ID: strings.Repeat(strconv.Itoa(i), 64), Kind: kindGiftWrap}})
	}
	in.caughtUp(t.Context(), "ws://127.0.0.1:1")
	l := &in.lanes.others
	require.Len(t, l.waiting, 1, "no mark: it comes again with what was left out")
	l.waiting, l.bytes = nil, 0
	in.queued.Store(0)
	require.False(t, in.quiet())
}
