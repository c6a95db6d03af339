package relay

import (
	"errors"
	"fmt"
	"time"

	"crypto/rand"

	"github.com/nbd-wtf/go-nostr"
)

const (
	pageSize = 100 // fits into the free half of the queue
	// Fewer stored events than this and the relay has no more: no relay is
	// known to cap its answers that low.
	pageMin = 20
	// The most that is asked for at once, when more events than a page holds
	// are of one second; relays cap it as they like.
	pageLimit = 5000
	maxPages  = 1000 // per catch-up, against a relay that makes up events for ever
)

var errNoPageEOSE = errors.New("no EOSE after the REQ of a page")

// cursor is what a filter brought so far: relays cap their answers, newest
// first, so what is older is fetched with until.
type cursor struct {
	paged  bool
	count  int
	oldest nostr.Timestamp
}

func (c *cursor) note(at nostr.Timestamp) {
	if c.count == 0 || at < c.oldest {
		c.oldest = at
	}
	c.count++
}

// pager walks back through what a relay keeps, one filter and one page at a
// time, and only while the queue has room. Guarded by leg.mu.
type pager struct {
	todo    []nostr.Filter // with until; the first is being fetched
	id      string         // of the page's REQ
	got     cursor
	due     time.Time // with id: end of patience; without: of the next page
	attempt int
	pages   int
}

// startPages is called at EOSE.
func (s *session) startPages() {
	s.pages = pager{}
	for i, f := range s.sub.filters {
		if c := s.sub.stored[i]; c.paged && c.count >= pageMin {
			f.Until = &c.oldest
			s.pages.todo = append(s.pages.todo, f)
		}
	}
	s.caughtUp()
	s.poke()
}

// caughtUp notes that all is fetched, if it is.
func (s *session) caughtUp() {
	l := s.leg
	if len(s.pages.todo) > 0 {
		return
	}
	if !l.health.CaughtUp {
		l.health.CaughtUp = true
		l.queue.mark(Delivery{Relay: l.url})
	}
	l.seen = nil
	if l.again {
		s.sub.phase, s.sub.due = waiting, time.Now()
		s.poke()
	}
}

func (s *session) stepPages(next *alarm) {
	p, l := &s.pages, s.leg
	now := time.Now()
	if len(p.todo) == 0 {
		return
	}
	if p.id != "" {
		if now.Before(p.due) {
			next.set(p.due)
			return
		}
		s.closeSub(p.id)
		p.id = ""
		s.retryPage(errNoPageEOSE)
	}
	if now.Before(p.due) {
		next.set(p.due)
		return
	}
	if !l.queue.hasRoom() || s.auth.busy() {
		return // the next Delivery, or settling the AUTH, pokes
	}
	p.id, p.got = rand.Text(), cursor{}
	p.due = now.Add(l.cfg.Timing.Answer)
	p.pages++
	next.set(p.due)
	frame, err := reqFrame("REQ", p.id, p.todo[0])
	if err != nil {
		p.id = ""
		s.retryPage(err)
		return
	}
	s.out.force(frame)
}

func (p *pager) note(ev *nostr.Event, patience time.Duration) {
	if len(p.todo) > 0 && ev.CreatedAt <= *p.todo[0].Until {
		p.got.note(ev.CreatedAt)
	}
	p.due = time.Now().Add(patience)
}

// endPage moves until back. It stays on the oldest second seen, as the page
// may have been cut within it; a page that brought that second alone asks for
// a longer page, and then steps over it. So until always falls in the end, and
// an empty page is the end.
func (s *session) endPage() {
	p := &s.pages
	s.closeSub(p.id)
	f := &p.todo[0]
	until := p.got.oldest
	switch {
	case until != *f.Until:
		f.Limit = pageSize
	case p.got.count >= f.Limit && f.Limit < pageLimit:
		f.Limit = min(10*f.Limit, pageLimit) // may overflow the queue, which is survived
	default:
		until--
		f.Limit = pageSize
	}
	f.Until = &until
	p.id, p.due, p.attempt = "", time.Time{}, 0
	if p.pages >= maxPages {
		s.leg.log.Warn("relay has too much for the filters, the oldest is left out", "pages", p.pages)
	}
	if p.got.count == 0 || p.pages >= maxPages || f.Since != nil && until < *f.Since {
		p.todo = p.todo[1:]
		p.pages = 0
		s.caughtUp()
	}
	s.poke()
}

func (s *session) retryPage(err error) {
	p, l := &s.pages, s.leg
	p.due = time.Now().Add(l.cfg.Timing.backoff(p.attempt))
	p.attempt++
	l.health.Err = fmt.Errorf("fetch older events: %w", err)
	s.poke()
}
