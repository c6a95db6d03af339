package relay

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nbd-wtf/go-nostr"
)

const seenMax = 1 << 16

var (
	errNoEOSE    = errors.New("no EOSE after REQ")
	errNoFilters = errors.New("Config.Filters returned none")
)

type phase int

const (
	idle       phase = iota // nothing to subscribe to
	waiting                 // a REQ is due
	asked                   // REQ sent, EOSE outstanding
	live                    // EOSE seen
	overflowed              // dropped until the queue has room
)

// subscription is the one REQ of a session. Guarded by leg.mu.
//
//	waiting --REQ--> asked --EOSE--> live
//	asked, live --CLOSED--> waiting (later)
//	asked --silence--> waiting (later)
//	live --Timing.Refresh--> asked
//	asked, live --queue full--> overflowed --room--> asked
//	any but overflowed --AUTH accepted--> waiting (now)
type subscription struct {
	phase   phase
	id      string         // of the current REQ; empty when there is none at the relay
	filters []nostr.Filter // of the current REQ
	stored  []cursor       // what came for each filter before EOSE
	due     time.Time      // waiting: of the REQ; asked: end of patience; live: of the refresh
	lived   time.Time      // since when it is live
	attempt int            // failures in a row
}

// stepSub sends the REQ if it is due.
func (s *session) stepSub(next *alarm) {
	l := s.leg
	l.mu.Lock()
	due := s.dueSub(next)
	l.mu.Unlock()
	if !due {
		return
	}
	filters := l.cfg.Filters(l.cfg.AsOf(l.url, time.Now())) // foreign code: not under the lock
	l.mu.Lock()
	defer l.mu.Unlock()
	s.request(filters)
	next.set(s.sub.due)
}

func (s *session) dueSub(next *alarm) bool {
	sub := &s.sub
	now := time.Now()
	switch sub.phase {
	case waiting:
		if s.auth.busy() {
			return false // settling it pokes
		}
		if !now.Before(sub.due) {
			return true
		}
		next.set(sub.due)
	case asked:
		if !now.Before(sub.due) {
			s.retry(errNoEOSE)
		}
		next.set(sub.due)
	case live:
		if s.leg.cfg.Timing.Refresh > 0 {
			if !now.Before(sub.due) {
				return true
			}
			next.set(sub.due)
		}
		s.stepPages(next)
	case overflowed:
		return s.leg.queue.hasRoom()
	}
	return false
}

// request sends a REQ under a new id, and ends the one before only then: what
// arrives in between must belong to one of the two.
func (s *session) request(filters []nostr.Filter) {
	l, sub := s.leg, &s.sub
	if len(filters) == 0 {
		s.retry(errNoFilters)
		return
	}
	old := sub.id
	sub.id, sub.phase = rand.Text(), asked
	sub.due = time.Now().Add(l.cfg.Timing.Answer)
	sub.filters = make([]nostr.Filter, len(filters))
	sub.stored = make([]cursor, len(filters))
	for i, f := range filters {
		f = f.Clone()
		if f.Limit == 0 && !f.LimitZero {
			f.Limit = pageSize
			sub.stored[i].paged = true
		}
		sub.filters[i] = f
	}
	frame, err := reqFrame("REQ", sub.id, sub.filters...)
	if err != nil {
		sub.id = old
		s.retry(err)
		return
	}
	s.out.force(frame)
	s.closeSub(old)
	s.closeSub(s.pages.id)
	s.pages = pager{}
	l.again = l.again && l.seen != nil // nothing is left out this time
	l.health.Reqs++
	s.deaf()
}

func (s *session) closeSub(id string) {
	if id == "" {
		return
	}
	if frame, err := reqFrame("CLOSE", id); err == nil { // two strings always encode
		s.out.force(frame)
	}
}

// deaf notes that there is no EOSE for the current REQ.
func (s *session) deaf() {
	h := &s.leg.health
	if h.Live {
		h.Since = time.Now()
	}
	h.Live, h.CaughtUp = false, false
}

// retry schedules a fresh REQ after a wait.
func (s *session) retry(err error) {
	l, sub := s.leg, &s.sub
	now := time.Now()
	if sub.phase == live && now.Sub(sub.lived) >= l.cfg.Timing.Healthy {
		sub.attempt = 0
	}
	sub.phase, sub.due = waiting, now.Add(l.cfg.Timing.backoff(sub.attempt))
	sub.attempt++
	s.deaf()
	l.health.Err = err
	l.log.Warn("subscription ended, asking again", "error", err, "in", sub.due.Sub(now))
	s.poke()
}

func (s *session) onEOSE(id string) {
	if q := s.queries[id]; q != nil {
		q.finish(nil)
		return
	}
	sub, l := &s.sub, s.leg
	switch {
	case id == s.pages.id:
		s.endPage()
	case id == sub.id && sub.phase == asked:
		now := time.Now()
		sub.phase, sub.lived, sub.due = live, now, now.Add(l.cfg.Timing.Refresh)
		l.health.Live, l.health.Since = true, now
		s.startPages()
	}
}

func (s *session) onClosed(id, reason string) {
	sub := &s.sub
	withAuth := strings.HasPrefix(reason, "auth-required:") && s.leg.cfg.Sign != nil
	if withAuth {
		s.wantAuth()
	}
	if q := s.queries[id]; q != nil {
		s.queryClosed(q, reason, withAuth)
		return
	}
	switch {
	case id == "" || sub.phase == overflowed:
	case id == s.pages.id:
		s.pages.id = ""
		s.retryPage(fmt.Errorf("relay closed it: %s", reason))
	case id == sub.id:
		sub.id = ""
		s.retry(fmt.Errorf("relay closed the subscription: %s", reason))
	}
}

// onEvent takes an event whose id is right. The subscription's name is not
// what decides, but our own filters: one that was just replaced may still
// bring a live event that is never sent again.
func (s *session) onEvent(id string, ev *nostr.Event, size int) {
	if q := s.queries[id]; q != nil {
		q.add(ev)
		return
	}
	l, sub := s.leg, &s.sub
	if sub.phase == overflowed {
		return // comes again
	}
	matched := false
	for i := range sub.filters {
		if !sub.filters[i].MatchesIgnoringTimestampConstraints(ev) {
			continue
		}
		matched = true
		if id == sub.id && sub.phase == asked {
			sub.stored[i].note(ev.CreatedAt)
		}
	}
	if !matched {
		l.health.Rejected++
		return
	}
	stored := false
	switch {
	case id == sub.id && sub.phase == asked:
		stored = true
		sub.due = time.Now().Add(l.cfg.Timing.Answer)
	case id == s.pages.id:
		stored = true
		s.pages.note(ev, l.cfg.Timing.Answer)
	}
	s.enqueue(Delivery{Event: ev, Relay: l.url, Stored: stored}, size)
}

func (s *session) enqueue(d Delivery, size int) {
	l := s.leg
	if _, dup := l.seen[d.Event.ID]; dup {
		return
	}
	if !l.queue.push(d, size) {
		s.overflow()
		return
	}
	l.health.Events++
	if l.seen != nil {
		if len(l.seen) >= seenMax {
			clear(l.seen)
		}
		l.seen[d.Event.ID] = struct{}{}
	}
}

// overflow drops the subscription until the queue has room again.
func (s *session) overflow() {
	l, sub := s.leg, &s.sub
	s.closeSub(sub.id)
	s.closeSub(s.pages.id)
	sub.id, sub.phase = "", overflowed
	s.pages = pager{}
	s.deaf()
	l.health.Overflows++
	if l.seen == nil {
		l.seen = make(map[string]struct{})
	}
	l.log.Warn("events come faster than they are handled, subscription paused", "queued", l.queue.len())
	s.poke()
}
