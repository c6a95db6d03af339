package nostrbot

import (
	"encoding/hex"
	"sync"

	"github.com/nbd-wtf/go-nostr"
)

// seen spares the cost of opening an event again. Several relays deliver the
// same one, each relay delivers two days of them with every fresh REQ, and what
// a flood left there comes back with them. It is a saving only: the ledger in
// the Store decides what was handled.
//
// An id commits to the content, so what a gift wrap holds follows from its id.
// It does not commit to the signature, which is part of whether a kind 4 is
// good: a forged twin that was refused says nothing about the true event.
type seen struct {
	mu      sync.Mutex
	opening map[eventID]struct{} // wraps that are on their way to a handler
	settled recent[eventID]
}

type eventID [32]byte

const (
	kindDM       = nostr.KindEncryptedDirectMessage
	kindGiftWrap = nostr.KindGiftWrap
)

// begin tells whether an event is to be opened. For a wrap settle or release
// must follow; until then its copies are dropped.
func (s *seen) begin(ev *nostr.Event) bool {
	id := parseEventID(ev.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled.has(id) {
		return false
	}
	if ev.Kind != kindGiftWrap {
		return true
	}
	if _, ok := s.opening[id]; ok {
		return false
	}
	if s.opening == nil {
		s.opening = map[eventID]struct{}{}
	}
	s.opening[id] = struct{}{}
	return true
}

// settle says that nothing will ever come of opening the event again.
func (s *seen) settle(id string) {
	key := parseEventID(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.opening, key)
	s.settled.add(key)
}

// release says that the event was not handled: it is welcome again.
func (s *seen) release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.opening, parseEventID(id))
}

// parseEventID reads what a relay leg has checked; what is no id is nobody's.
func parseEventID(id string) (key eventID) {
	if len(id) == hex.EncodedLen(len(key)) {
		_, _ = hex.Decode(key[:], []byte(id))
	}
	return key
}

// recent is a set that forgets what was added long ago: it holds at least the
// last recentHalf keys added, at most twice as many, about 3 MB of them.
type recent[K comparable] struct{ young, old map[K]struct{} }

const recentHalf = 1 << 15

func (r *recent[K]) has(k K) bool {
	if _, ok := r.young[k]; ok {
		return true
	}
	_, ok := r.old[k]
	return ok
}

func (r *recent[K]) add(k K) {
	if len(r.young) >= recentHalf {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = map[K]struct{}{}
	}
	r.young[k] = struct{}{}
}
