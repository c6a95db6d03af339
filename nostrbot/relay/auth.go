package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nbd-wtf/go-nostr"
)

// auth is a session's NIP-42 state. Guarded by leg.mu.
type auth struct {
	challenge string
	want      bool      // to be signed and sent, once there is a challenge
	notBefore time.Time // a relay that challenges without end gets one a while
	signing   bool
	id        string // of the AUTH event on its way; its OK settles it
	deadline  time.Time
	ok        bool // the relay accepted one on this socket
	refused   bool // the relay refused the last one
}

// busy tells that an AUTH is on its way: a REQ sent now would be refused.
func (a *auth) busy() bool {
	return a.signing || a.id != "" || a.want && a.challenge != ""
}

// onChallenge answers eagerly: some relays withhold without a word until then.
// To a guest we give away who we are only if it insists.
func (s *session) onChallenge(challenge string) {
	a := &s.auth
	if s.leg.cfg.Sign == nil {
		return
	}
	if challenge == a.challenge && (a.busy() || a.ok || a.refused) {
		return // khatru repeats its challenge with each refusal
	}
	a.challenge, a.refused = challenge, false
	a.want = a.want || !s.leg.guest
	s.poke()
}

// wantAuth is called when a relay asks for AUTH; without a challenge yet, the
// one to come is answered.
func (s *session) wantAuth() {
	if !s.auth.signing && s.auth.id == "" {
		s.auth.want = true
		s.poke()
	}
}

func (s *session) stepAuth(next *alarm) {
	challenge, due := s.dueAuth(next)
	if !due {
		return
	}
	event, frame, err := s.signAuth(challenge)
	l, a := s.leg, &s.auth
	l.mu.Lock()
	defer l.mu.Unlock()
	a.signing = false
	a.notBefore = time.Now().Add(l.cfg.Timing.BackoffMin)
	if err != nil {
		s.settleAuth(false, err.Error())
		return
	}
	a.id, a.deadline = event.ID, time.Now().Add(l.cfg.Timing.Answer)
	next.set(a.deadline)
	s.out.force(frame)
}

// dueAuth returns the challenge to answer now.
func (s *session) dueAuth(next *alarm) (challenge string, due bool) {
	now := time.Now()
	s.leg.mu.Lock()
	defer s.leg.mu.Unlock()
	a := &s.auth
	if a.id != "" {
		if now.Before(a.deadline) {
			next.set(a.deadline)
			return "", false
		}
		s.settleAuth(false, "no answer to AUTH")
	}
	if !a.want || a.challenge == "" {
		return "", false
	}
	if now.Before(a.notBefore) {
		next.set(a.notBefore)
		return "", false
	}
	a.want, a.signing = false, true
	return a.challenge, true
}

func (s *session) signAuth(challenge string) (*nostr.Event, []byte, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.leg.cfg.Timing.Answer)
	defer cancel()
	event := &nostr.Event{
		CreatedAt: nostr.Now(),
		Kind:      nostr.KindClientAuthentication,
		Tags:      nostr.Tags{{"relay", s.leg.url}, {"challenge", challenge}},
	}
	if err := s.leg.cfg.Sign(ctx, event); err != nil {
		return nil, nil, fmt.Errorf("sign AUTH: %w", err)
	}
	if err := checkFields(event); err != nil {
		return nil, nil, fmt.Errorf("sign AUTH: %w", err)
	}
	frame, err := json.Marshal([]any{"AUTH", event})
	if err != nil {
		return nil, nil, fmt.Errorf("encode AUTH: %w", err)
	}
	return event, frame, nil
}

// settleAuth goes on with what waited for the AUTH: events that were refused
// are sent again, and so is the REQ, for the relay may have closed it or kept
// things back. leg.mu is held.
func (s *session) settleAuth(ok bool, reason string) {
	l, a := s.leg, &s.auth
	first := ok && !a.ok
	a.id, a.ok, a.refused = "", a.ok || ok, !ok
	l.health.Authed = a.ok
	if !ok {
		l.log.Warn("relay did not accept AUTH", "reason", reason)
		l.health.Err = fmt.Errorf("auth: %s", reason)
	}
	for id, pub := range l.pubs {
		if !pub.afterAuth {
			continue
		}
		pub.afterAuth = false
		if !ok {
			l.resolve(id, pub, pub.unanswered(l.url, nil))
		} else if !s.out.push(pub.frame) {
			l.resolve(id, pub, pub.unanswered(l.url, ErrBusy))
		}
	}
	for id, q := range s.queries {
		if q.afterAuth {
			q.afterAuth = false
			if ok {
				s.ask(q)
			} else {
				q.finish(q.refusal)
			}
			delete(s.queries, id)
		}
	}
	if first {
		if s.sub.phase != idle && s.sub.phase != overflowed {
			s.sub.phase, s.sub.due = waiting, time.Now()
		}
		l.signalUp()
	}
	s.poke()
}
