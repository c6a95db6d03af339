package nostrbottest

import (
	"sync"
	"time"
)

// Clock is a [nostrbot.Clock] that a test can put forward. Otherwise it runs
// as the machine's does, so that a bot's pauses and retries go on, until
// Freeze. The zero Clock is ready for use, and all methods are safe for
// concurrent use.
//
// A wait may end early, never late: one that was worked out just before
// Advance, but began just after it, is woken a moment later, as if it had been
// there. Who waits for a date looks at Now again; the bot does.
type Clock struct {
	mu      sync.Mutex
	ahead   time.Duration
	frozen  time.Time // zero when it runs
	last    time.Duration
	settled time.Time // real time at which the last Advance is over
	waits   map[*wait]struct{}
}

// wait is one call of After. Guarded by Clock.mu.
type wait struct {
	at    time.Time
	fired chan time.Time
	timer *time.Timer
}

// settling is how long after Advance a wait may begin that does not know of it.
const settling = 100 * time.Millisecond

// Now is the machine's time and what was advanced.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	if !c.frozen.IsZero() {
		return c.frozen
	}
	return time.Now().Add(c.ahead)
}

// After sends once d has passed by this clock.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	w := &wait{at: now.Add(d), fired: make(chan time.Time, 1)}
	if d <= 0 {
		w.fired <- now
		return w.fired
	}
	if c.waits == nil {
		c.waits = map[*wait]struct{}{}
	}
	c.waits[w] = struct{}{}
	if left := time.Until(c.settled); left > 0 && d <= c.last {
		d = min(d, left) // it may be meant to end before now
		w.at = now
	}
	c.arm(w, d)
	return w.fired
}

// arm sets the machine's timer; a frozen clock needs none, but for a wait that
// is over.
func (c *Clock) arm(w *wait, d time.Duration) {
	if c.frozen.IsZero() || !w.at.After(c.frozen) {
		w.timer = time.AfterFunc(d, func() { c.fire(w) })
	}
}

func (c *Clock) fire(w *wait) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(w)
}

// end is idempotent. c.mu is held.
func (c *Clock) end(w *wait) {
	if _, waits := c.waits[w]; !waits {
		return
	}
	delete(c.waits, w)
	if w.timer != nil {
		w.timer.Stop()
	}
	w.fired <- c.now()
}

// Advance puts the clock forward by d, which is not negative, and ends the
// waits that are over by then.
func (c *Clock) Advance(d time.Duration) {
	if d < 0 {
		panic("nostrbottest: Advance: a clock is not put back")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	if !c.frozen.IsZero() {
		c.frozen = c.frozen.Add(d)
	}
	if time.Now().After(c.settled) {
		c.last = 0
	}
	c.last, c.settled = c.last+d, time.Now().Add(settling)
	now := c.now()
	for w := range c.waits {
		if !w.at.After(now) {
			c.end(w)
		} else if w.timer != nil {
			w.timer.Reset(w.at.Sub(now))
		}
	}
}

// Freeze stops the clock: from now on only Advance moves it, and what waits by
// it waits for that. Freezing again does nothing.
func (c *Clock) Freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen.IsZero() {
		return
	}
	c.frozen = c.now()
	for w := range c.waits {
		if w.timer != nil && w.at.After(c.frozen) {
			w.timer.Stop()
			w.timer = nil
		}
	}
}
