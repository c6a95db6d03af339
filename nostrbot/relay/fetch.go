package relay

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"

	"github.com/nbd-wtf/go-nostr"
)

// fetchMax bounds the events of one answer.
const fetchMax = 500

// Answer is what one relay keeps for a filter.
type Answer struct {
	// Relay is the normalised URL.
	Relay string
	// Events are what the relay sent, each once, at most 500: matching the
	// filter, id and signature checked.
	Events []*nostr.Event
	// Err is nil if the relay said that this is all (EOSE): then an event
	// that is not there is absent. Otherwise it is unknown.
	Err error
}

// Fetch asks the relays named, or all own ones if none is, for what they keep,
// in parallel, and waits for each to finish, for Timing.Publish or until ctx
// ends. It is meant for small lookups, such as somebody's relay list; what a
// bot listens to belongs into Config.Filters.
func (p *Pool) Fetch(ctx context.Context, filter nostr.Filter, relays ...string) []Answer {
	var wg sync.WaitGroup
	legs, verdicts := p.resolveLegs(relays)
	answers := make([]Answer, len(verdicts))
	for i, l := range legs {
		a := &answers[i]
		a.Relay, a.Err = verdicts[i].Relay, verdicts[i].Err
		if l != nil {
			wg.Go(func() { a.Events, a.Err = l.fetch(ctx, filter) })
		}
	}
	wg.Wait()
	p.releaseLegs(legs)
	return answers
}

// query is a one-off REQ. Guarded by leg.mu, until done is closed.
type query struct {
	id        string
	filter    nostr.Filter
	refusal   error // of the CLOSED with auth-required:, if there was one
	afterAuth bool  // to be asked again when the AUTH is accepted
	events    []*nostr.Event
	err       error
	done      chan struct{}
}

func (q *query) add(ev *nostr.Event) {
	known := func(e *nostr.Event) bool { return e.ID == ev.ID && e.Sig == ev.Sig }
	if len(q.events) < fetchMax && q.filter.Matches(ev) && !slices.ContainsFunc(q.events, known) {
		q.events = append(q.events, ev)
	}
}

func (q *query) finish(err error) {
	select {
	case <-q.done:
	default:
		q.err = err
		close(q.done)
	}
}

// ask sends the query under a new id. leg.mu is held.
func (s *session) ask(q *query) {
	q.id = rand.Text()
	frame, err := reqFrame("REQ", q.id, q.filter)
	if err == nil && !s.out.push(frame) {
		err = ErrBusy
	}
	if err != nil {
		q.finish(err)
		return
	}
	s.queries[q.id] = q
}

func (s *session) queryClosed(q *query, reason string, withAuth bool) {
	err := fmt.Errorf("relay closed the query: %s", reason)
	if !withAuth || q.refusal != nil {
		q.finish(err)
		return
	}
	q.refusal = err
	if q.afterAuth = !s.auth.ok; !q.afterAuth {
		delete(s.queries, q.id)
		s.ask(q)
	}
}

func (l *leg) fetch(ctx context.Context, filter nostr.Filter) ([]*nostr.Event, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.cfg.Timing.Publish, ErrTimeout)
	defer cancel()
	s, err := l.ready(ctx)
	if err != nil {
		return nil, err
	}
	q := &query{filter: filter, done: make(chan struct{})}
	l.mu.Lock()
	s.ask(q)
	l.mu.Unlock()
	select {
	case <-q.done:
	case <-s.ctx.Done(): // also when it ended before q was entered
		err = fmt.Errorf("%w: %w", ErrDropped, context.Cause(s.ctx))
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	l.mu.Lock()
	delete(s.queries, q.id)
	s.closeSub(q.id)
	if q.refusal != nil {
		err = q.refusal
	}
	q.finish(err)
	l.mu.Unlock()
	events := slices.DeleteFunc(q.events, func(ev *nostr.Event) bool {
		ok, err := ev.CheckSignature()
		return err != nil || !ok
	})
	return events, q.err
}
