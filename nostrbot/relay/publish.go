package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// lateMax bounds the publications per relay whose OK is still hoped for after
// their Publish returned.
const lateMax = 1024

// Errors of [Verdict.Err] with status [Refused]: the pool sent nothing.
var (
	// ErrEvent says that the bytes are not a signed event with a right id.
	ErrEvent = errors.New("not a publishable event")
	// ErrNotOwn says that a relay is not the pool's own, and that there is
	// no GuestClient.
	ErrNotOwn = errors.New("not one of the pool's own relays: set Config.GuestClient to reach others")
	// ErrGuests says that as many guests as may be are in use; status NoAnswer.
	ErrGuests = errors.New("too many guest relays in use")
)

// Publish sends a signed event, as the JSON it is, to the relays named, or to
// all own ones if none is, in parallel, and says what each answered, in the
// order of their first mention. It returns within Timing.Publish, or sooner
// when ctx ends; an own relay that is known to be down is not waited for.
//
// A relay that answers "auth-required:" gets the AUTH and then the same event
// once more, within the same call. Calls at the same time with the same event
// share the answer. An OK that comes after Publish returned is remembered for
// Timing.Late, and answers the next Publish of that event at once. Ending ctx
// does not take back what was sent.
//
// A relay that said "rate-limited:" is left alone for a while that grows from
// Timing.BackoffMin to BackoffMax with each time it says so, and is sent events
// further apart for some time. A Publish that would have to wait for more than
// a second is answered with [ErrHeld] at once.
func (p *Pool) Publish(ctx context.Context, event []byte, relays ...string) []Verdict {
	id, err := eventID(event)
	var wg sync.WaitGroup
	legs, verdicts := p.resolveLegs(relays)
	for i, l := range legs {
		v := &verdicts[i]
		switch {
		case err != nil:
			v.Status, v.Err = Refused, err
		case l != nil:
			wg.Go(func() { *v = l.publish(ctx, id, event) })
		}
	}
	wg.Wait()
	p.releaseLegs(legs)
	for i := range verdicts {
		verdicts[i].At = orNow(verdicts[i].At)
	}
	return verdicts
}

func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}

// publication is an event on its way to one relay. Guarded by leg.mu, but for
// verdict, which is fixed once done is closed.
type publication struct {
	frame     []byte
	waiters   int
	done      chan struct{}
	verdict   Verdict
	reason    string // of the auth-required refusal, if there was one
	afterAuth bool   // to be sent again when the AUTH is accepted
	sent      time.Time
	left      time.Time
}

func (pub *publication) answered() bool {
	select {
	case <-pub.done:
		return true
	default:
		return false
	}
}

// unanswered is the verdict when no (better) answer came.
func (pub *publication) unanswered(relay string, err error) Verdict {
	if pub.reason != "" {
		return Verdict{Relay: relay, Status: AuthRequired, Reason: pub.reason}
	}
	return Verdict{Relay: relay, Status: NoAnswer, Err: err}
}

func (l *leg) publish(ctx context.Context, id string, event []byte) Verdict {
	ctx, cancel := context.WithTimeoutCause(ctx, l.cfg.Timing.Publish, ErrTimeout)
	defer cancel()
	if v, ok := l.lateVerdict(id); ok {
		return v
	}
	if _, err := l.ready(ctx); err != nil {
		return Verdict{Relay: l.url, Status: NoAnswer, Err: err}
	}
	if v, ok := l.turn(ctx); !ok {
		return v
	}
	pub := l.join(id, event)
	select {
	case <-pub.done:
		return pub.verdict
	case <-ctx.Done():
		return l.leave(pub, context.Cause(ctx))
	}
}

// lateVerdict returns an answer that nobody was there for.
func (l *leg) lateVerdict(id string) (Verdict, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pub := l.pubs[id]
	if pub == nil || !pub.answered() || time.Since(pub.left) > l.cfg.Timing.Late {
		return Verdict{}, false
	}
	return pub.verdict, true
}

// join waits with those who publish the same event now, or sends it.
func (l *leg) join(id string, event []byte) *publication {
	l.mu.Lock()
	defer l.mu.Unlock()
	pub := l.pubs[id]
	if pub == nil || pub.answered() {
		pub = &publication{done: make(chan struct{})}
		l.pubs[id] = pub
	}
	pub.waiters++
	if pub.waiters > 1 {
		return pub
	}
	pub.frame, pub.reason, pub.afterAuth, pub.sent = eventFrame(event), "", false, time.Now()
	switch {
	case l.sess == nil:
		l.resolve(id, pub, pub.unanswered(l.url, fmt.Errorf("%w: %w", ErrNotConnected, l.health.Err)))
	case !l.sess.out.push(pub.frame):
		l.resolve(id, pub, pub.unanswered(l.url, ErrBusy))
	}
	return pub
}

// leave is for a waiter whose patience ended.
func (l *leg) leave(pub *publication, err error) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if pub.answered() {
		return pub.verdict
	}
	v := pub.unanswered(l.url, err)
	if pub.waiters--; pub.waiters == 0 {
		pub.frame, pub.afterAuth, pub.left = nil, false, time.Now()
		l.trimLate()
	}
	return v
}

// trimLate forgets publications that nobody waits for, beyond lateMax of them
// and those that are too old. l.mu is held.
func (l *leg) trimLate() {
	if len(l.pubs) <= lateMax {
		return
	}
	var oldest time.Time
	var oldestID string
	for id, pub := range l.pubs {
		if pub.waiters > 0 {
			continue
		}
		if time.Since(pub.left) > l.cfg.Timing.Late {
			delete(l.pubs, id)
		} else if oldestID == "" || pub.left.Before(oldest) {
			oldest, oldestID = pub.left, id
		}
	}
	if len(l.pubs) > lateMax {
		delete(l.pubs, oldestID)
	}
}

// resolve gives all waiters their verdict. With nobody there it is kept if it
// settles the matter. l.mu is held.
func (l *leg) resolve(id string, pub *publication, v Verdict) {
	if pub.answered() {
		return
	}
	v.At = time.Now()
	pub.verdict, pub.frame = v, nil
	close(pub.done)
	if pub.waiters > 0 || !v.Delivered() && !v.Final() {
		delete(l.pubs, id)
	}
}

// onOK is also the answer to an AUTH.
func (s *session) onOK(id string, ok bool, reason string) {
	if id == s.auth.id {
		s.settleAuth(ok, reason)
		return
	}
	l := s.leg
	pub := l.pubs[id]
	if pub == nil || pub.answered() {
		return
	}
	v := Verdict{Relay: l.url, Status: statusOf(ok, reason), Reason: reason}
	l.learn(pub, &v)
	if pub.waiters == 0 {
		l.health.LateOKs++
	} else if v.Status == AuthRequired && pub.reason == "" && l.cfg.Sign != nil {
		pub.reason = reason
		if !s.auth.ok {
			pub.afterAuth = true
			s.wantAuth()
		} else if !s.out.push(pub.frame) {
			l.resolve(id, pub, v)
		}
		return
	}
	l.resolve(id, pub, v)
}
