package payments

import "time"

// Clock tells the time and waits. It has the shape of nostrbot's, so that one
// fake serves both. Implementations are safe for concurrent use.
type Clock interface {
	Now() time.Time
	// After sends once d has passed; at once when d is not positive.
	After(d time.Duration) <-chan time.Time
}

// machineClock is package time's.
type machineClock struct{}

func (machineClock) Now() time.Time                         { return time.Now() }
func (machineClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
