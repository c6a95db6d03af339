package relay_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

// One complaint, and everybody leaves the relay alone, for longer each time.
func TestRateLimitedIsLeftAlone(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.RefuseEvents("rate-limited: slow down")
		var holds []time.Duration
		for i := range 5 {
			v := b.Publish(b.ctx, raw(t, toMe(t, fmt.Sprint("refused ", i))))[0]
			require.Equal(t, relay.Transient, v.Status)
			require.NoError(t, v.Err)
			holds = append(holds, time.Until(v.RetryAt))
			seen := r.Count(devrelay.EVENT)
			for range 10 { // others, who were not refused themselves
				v := b.Publish(b.ctx, raw(t, toMe(t, "other")))[0]
				if v.Err == nil { // it waited for its turn, when the pause was short
					break
				}
				require.ErrorIs(t, v.Err, relay.ErrHeld)
				require.False(t, v.Final() || v.Delivered())
				require.Equal(t, seen, r.Count(devrelay.EVENT), "nothing was sent")
			}
			pass(time.Until(v.RetryAt) + time.Minute)
		}
		require.Greater(t, holds[4], 2*holds[0], "%v", holds)
		require.LessOrEqual(t, holds[4], time.Minute)
		r.Faults.Clear()
		require.True(t, b.Publish(b.ctx, raw(t, toMe(t, "accepted")))[0].Delivered())
	})
}

// What is on its way together when the relay complains is one complaint.
func TestRateLimitedOnceForAll(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		r.Faults.HoldOKs()
		r.Faults.RefuseEvents("rate-limited: slow down")
		verdicts := make([]relay.Verdict, 50)
		var wg sync.WaitGroup
		for i := range verdicts {
			wg.Go(func() { verdicts[i] = b.Publish(b.ctx, raw(t, toMe(t, fmt.Sprint(i))))[0] })
		}
		pass(time.Second)
		require.Equal(t, 50, r.Count(devrelay.EVENT))
		r.Faults.ReleaseOKs()
		wg.Wait()
		for _, v := range verdicts {
			require.LessOrEqual(t, time.Until(v.RetryAt), time.Second)
		}
	})
}

// A relay that takes four events a second gets all of forty, and is not
// hammered meanwhile.
func TestRateLimitIsLearned(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, r *devrelay.Relay, b *bench) {
		var mu sync.Mutex
		var taken []time.Time
		refused := 0
		r.Faults.RefuseEventsFunc(func(*nostr.Event) string {
			mu.Lock()
			defer mu.Unlock()
			now := time.Now()
			for len(taken) > 0 && now.Sub(taken[0]) >= time.Second {
				taken = taken[1:]
			}
			if len(taken) >= 4 {
				refused++
				return "rate-limited: four a second"
			}
			taken = append(taken, now)
			return ""
		})
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 40 {
			ev := raw(t, toMe(t, fmt.Sprint(i)))
			wg.Go(func() {
				for {
					v := b.Publish(b.ctx, ev)[0]
					if v.Delivered() {
						return
					}
					time.Sleep(max(time.Until(v.RetryAt), 10*time.Millisecond)) // virtual
				}
			})
		}
		wg.Wait()
		require.Less(t, time.Since(began), 5*time.Minute)
		require.Less(t, refused, 100, "first forty at once, then few")
		// And in the end it is as fast as ever.
		r.Faults.Clear()
		for i := range 200 {
			b.Publish(b.ctx, raw(t, toMe(t, fmt.Sprint("more ", i))))
		}
		began = time.Now()
		for i := range 10 {
			require.True(t, b.Publish(b.ctx, raw(t, toMe(t, fmt.Sprint("fast ", i))))[0].Delivered())
		}
		require.Less(t, time.Since(began), time.Second)
	})
}
