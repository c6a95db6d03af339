package relay_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestReportDeaf(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.WithholdLive(true)
		require.NoError(t, r.Publish(toMe(t, "withheld")))
		pass(time.Minute)
		require.Empty(t, b.got)
		require.True(t, b.leg(mem).Live, "nothing shows it")
		reqs := r.Count(devrelay.REQ)

		b.ReportDeaf("ws://elsewhere") // not ours, no matter
		b.ReportDeaf(mem)
		require.False(t, b.leg(mem).Live)
		pass(5 * time.Second)
		require.EqualValues(t, 2, b.leg(mem).Connects)
		require.Equal(t, reqs+1, r.Count(devrelay.REQ))
		b.expect("withheld")
		require.True(t, b.leg(mem).Deaf)
		require.False(t, b.leg(mem).Live, "until it was heard")
		b.ReportHeard(mem)
		require.True(t, b.leg(mem).Live && !b.leg(mem).Deaf)
	})
}

func TestAsOf(t *testing.T) {
	var away atomic.Int64
	away.Store(int64(100 * time.Hour))
	inBubble(t, relay.Config{
		AsOf: func(url string, now time.Time) time.Time {
			if url != mem {
				return now
			}
			return now.Add(-time.Duration(away.Load()))
		},
		Filters: func(now time.Time) []nostr.Filter {
			return []nostr.Filter{{Kinds: []int{1059}, Since: new(nostr.Timestamp(now.Unix()))}}
		},
		Deliver: func(context.Context, relay.Delivery) {},
	}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		seen := b.wait(r, devrelay.REQ, 1)
		require.Equal(t, time.Now().Add(-100*time.Hour).Unix(), int64(*seen.Filters[0].Since))
		away.Store(0)
		pass(time.Hour + time.Minute)
		seen = b.wait(r, devrelay.REQ, 2)
		require.WithinDuration(t, time.Now(), seen.Filters[0].Since.Time(), 2*time.Minute, "asked anew for each REQ")
	})
}
