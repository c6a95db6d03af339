package relay

import (
	"math/rand/v2"
	"time"
)

// backoff is the wait after the attempt-th failure in a row (from 0): jittered
// over everything from half of BackoffMin to a bound that doubles each time.
func (t *Timing) backoff(attempt int) time.Duration {
	low := t.BackoffMin / 2
	high := t.BackoffMax
	if attempt < 32 {
		if d := t.BackoffMin << attempt; d > 0 {
			high = min(high, d)
		}
	}
	return low + rand.N(high-low+1)
}
