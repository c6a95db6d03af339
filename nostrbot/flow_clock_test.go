package nostrbot_test

import (
	"sync"
	"time"
)

// handClock is a Clock that goes when it is told to.
type handClock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[chan time.Time]time.Time
	asked  map[time.Duration]bool // whatever After was called with
	heard  *sync.Cond
}

func newHandClock(now time.Time) *handClock {
	c := &handClock{now: now, timers: map[chan time.Time]time.Time{}, asked: map[time.Duration]bool{}}
	c.heard = sync.NewCond(&c.mu)
	return c
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[d] = true
	c.heard.Broadcast()
	ch := make(chan time.Time, 1)
	if c.timers[ch] = c.now.Add(d); d <= 0 {
		c.fire()
	}
	return ch
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.fire()
}

// awaitTimer waits until somebody waits, or has waited, for d.
func (c *handClock) awaitTimer(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.asked[d] {
		c.heard.Wait()
	}
	delete(c.asked, d)
}

func (c *handClock) fire() {
	for ch, at := range c.timers {
		if !at.After(c.now) {
			ch <- c.now
			delete(c.timers, ch)
		}
	}
}
