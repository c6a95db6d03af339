package relay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// ErrHeld says that the event was not sent, since the relay said
// "rate-limited:" not long ago; [Verdict.RetryAt] is when it may be tried.
var ErrHeld = errors.New("relay limits our rate, not sent now")

// paceWait is how long Publish waits for its turn at a relay that limits us.
const paceWait = time.Second

// pace spreads out what is published to a relay that complains: a pause that
// doubles with each complaint and halves with each acceptance, and between two
// events a gap that does so more slowly. All who publish to the relay share it.
// A relay that never complains is never waited for. Guarded by leg.mu.
type pace struct {
	pause, gap time.Duration
	next       time.Time // when the next event may be sent
	limited    time.Time // when the last complaint came
	limits     int       // complaints so far
}

// reserve takes the next turn, unless it is further off than paceWait.
func (p *pace) reserve(now time.Time) (at time.Time, ok bool) {
	at = now
	if p.next.After(now) {
		at = p.next
	}
	if at.Sub(now) > paceWait {
		return at, false
	}
	p.next = at.Add(p.gap)
	return at, true
}

// complained takes note of a refusal of what was sent at that time. Refusals of
// events that were on their way together are one complaint.
func (p *pace) complained(sent, now time.Time, t *Timing) {
	if !sent.After(p.limited) {
		return
	}
	p.limited = now
	p.limits++
	p.pause = min(max(2*p.pause, t.BackoffMin), t.BackoffMax)
	p.gap = min(max(2*p.gap, t.BackoffMin/4), t.BackoffMax/4)
	if next := now.Add(p.pause/2 + rand.N(p.pause/2+1)); next.After(p.next) {
		p.next = next
	}
}

func (p *pace) accepted(t *Timing) {
	p.pause /= 2
	if p.gap -= p.gap / 8; p.gap < t.BackoffMin/32 {
		p.gap = 0
	}
}

// turn waits until the relay may be sent an event. If it does not come soon,
// the verdict says when to try again.
func (l *leg) turn(ctx context.Context) (v Verdict, ok bool) {
	for {
		l.mu.Lock()
		now := time.Now()
		at, ok := l.pace.reserve(now)
		limits := l.pace.limits
		l.mu.Unlock()
		wait := at.Sub(now)
		switch {
		case !ok:
			return Verdict{Relay: l.url, Status: Transient, Err: ErrHeld, RetryAt: at}, false
		case wait <= 0:
			return Verdict{}, true
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			err := fmt.Errorf("%w: %w", ErrHeld, context.Cause(ctx))
			return Verdict{Relay: l.url, Status: Transient, Err: err, RetryAt: at}, false
		}
		l.mu.Lock()
		same := limits == l.pace.limits
		l.mu.Unlock()
		if same {
			return Verdict{}, true
		}
	}
}

// learn adapts the pace to an answer. l.mu is held.
func (l *leg) learn(pub *publication, v *Verdict) {
	switch {
	case v.Delivered():
		l.pace.accepted(&l.cfg.Timing)
	case strings.HasPrefix(v.Reason, "rate-limited:"):
		l.pace.complained(pub.sent, time.Now(), &l.cfg.Timing)
		v.RetryAt = l.pace.next
	}
}
