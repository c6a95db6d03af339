package devrelay

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nbd-wtf/go-nostr"
)

// stored is an event with the bytes it came in.
type stored struct {
	event  *nostr.Event
	raw    []byte
	forged bool // injected: not verified, not in the indexes
	at     int  // position in store.order, counted from the very first
}

// store keeps events in the order of acceptance. Guarded by Relay.mu.
type store struct {
	max       int
	order     []*stored // nil where one was replaced
	first     int       // position of order[0]
	live      int       // how many are not nil
	byID      map[string]*stored
	byAddress map[string]*stored // replaceable and addressable ones
}

func newStore(maxEvents int) store {
	return store{max: maxEvents, byID: make(map[string]*stored), byAddress: make(map[string]*stored)}
}

// address is what a newer event of the same replaces (NIP-01); empty for
// events that are not replaced.
func address(ev *nostr.Event) string {
	switch {
	case nostr.IsReplaceableKind(ev.Kind):
		return fmt.Sprintf("%d:%s", ev.Kind, ev.PubKey)
	case nostr.IsAddressableKind(ev.Kind):
		return fmt.Sprintf("%d:%s:%s", ev.Kind, ev.PubKey, ev.Tags.GetD())
	}
	return ""
}

// add stores an event that is not there; false if a newer one stands for it.
func (st *store) add(s *stored) bool {
	if a := address(s.event); a != "" {
		if old := st.byAddress[a]; old != nil {
			if newer(old.event, s.event) {
				return false
			}
			st.remove(old)
		}
		st.byAddress[a] = s
	}
	st.byID[s.event.ID] = s
	st.append(s)
	return true
}

// newer tells whether a stands against b: the later date, then the lower id.
func newer(a, b *nostr.Event) bool {
	return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(a.ID, b.ID)) < 0
}

func (st *store) append(s *stored) {
	s.at = st.first + len(st.order)
	st.order = append(st.order, s)
	st.live++
	for st.live > st.max {
		i := slices.IndexFunc(st.order, func(s *stored) bool { return s != nil })
		st.remove(st.order[i])
	}
	gone := 0
	for gone < len(st.order) && st.order[gone] == nil {
		gone++
	}
	st.order = st.order[gone:]
	st.first += gone
}

func (st *store) remove(s *stored) {
	st.order[s.at-st.first] = nil
	st.live--
	if s.forged {
		return
	}
	delete(st.byID, s.event.ID)
	if a := address(s.event); st.byAddress[a] == s {
		delete(st.byAddress, a)
	}
}

// query returns what matches any filter, each once, newest first; maxLimit 0
// is no cap.
func (st *store) query(filters []nostr.Filter, maxLimit int, ignoreLimits bool) []*stored {
	found := make(map[*stored]struct{})
	for _, f := range filters {
		limit := f.Limit
		switch {
		case ignoreLimits:
			limit = 0
		case f.LimitZero:
			continue
		case maxLimit > 0 && (limit == 0 || limit > maxLimit):
			limit = maxLimit
		}
		matches := st.match(f)
		slices.SortFunc(matches, newestFirst)
		if limit > 0 && len(matches) > limit {
			matches = matches[:limit]
		}
		for _, s := range matches {
			found[s] = struct{}{}
		}
	}
	all := make([]*stored, 0, len(found))
	for s := range found {
		all = append(all, s)
	}
	slices.SortFunc(all, newestFirst)
	return all
}

func newestFirst(a, b *stored) int {
	return cmp.Or(cmp.Compare(b.event.CreatedAt, a.event.CreatedAt),
		cmp.Compare(a.event.ID, b.event.ID), cmp.Compare(a.at, b.at))
}

func (st *store) match(f nostr.Filter) []*stored {
	var matches []*stored
	for _, s := range st.order {
		if s != nil && f.Matches(s.event) {
			matches = append(matches, s)
		}
	}
	return matches
}
