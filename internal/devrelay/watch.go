package devrelay

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nbd-wtf/go-nostr"
)

// What is a kind of thing that a relay sees.
type What string

// What can be waited for.
const (
	Connected    What = "connection"
	Disconnected What = "disconnection"
	EVENT        What = "EVENT"
	REQ          What = "REQ"
	CLOSE        What = "CLOSE"
	AUTH         What = "AUTH"
)

// Seen is one thing that a relay saw. An EVENT is noted when it is stored and
// the faults have decided on its OK, but before the client is answered; a REQ
// and an AUTH before the answer too. What is published after a REQ was seen
// reaches it live.
type Seen struct {
	What What
	// Conn numbers the connections from 1 on.
	Conn int
	// Sub and Filters are a REQ's, Sub also a CLOSE's.
	Sub     string
	Filters []nostr.Filter
	// Event is an EVENT's or an AUTH's, Raw its bytes as they came.
	Event *nostr.Event
	Raw   []byte
}

const watchMax = 10_000

// watch logs what was seen, the last watchMax of each kind.
type watch struct {
	mu    sync.Mutex
	log   map[What]*seenLog
	added chan struct{} // closed at the next addition
}

type seenLog struct {
	gone int // cut off at the front
	kept []Seen
}

func (w *watch) init() {
	w.log, w.added = make(map[What]*seenLog), make(chan struct{})
	for _, what := range []What{Connected, Disconnected, EVENT, REQ, CLOSE, AUTH} {
		w.log[what] = new(seenLog)
	}
}

func (w *watch) note(s Seen) {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log[s.What]
	log.kept = append(log.kept, s)
	if len(log.kept) >= 2*watchMax {
		log.gone += watchMax
		log.kept = slices.Clone(log.kept[watchMax:])
	}
	close(w.added)
	w.added = make(chan struct{})
}

// Wait returns the n-th thing of its kind since the relay was made, counted
// from 1, as soon as it has happened. Only the last 10,000 are sure to be there.
func (r *Relay) Wait(ctx context.Context, what What, n int) (Seen, error) {
	for {
		seen, count, added := r.watch.look(what, n)
		switch {
		case seen != nil:
			return *seen, nil
		case n <= count:
			return Seen{}, fmt.Errorf("%s number %d: no longer known", what, n)
		}
		select {
		case <-added:
		case <-ctx.Done():
			return Seen{}, fmt.Errorf("wait for %s number %d, have %d: %w", what, n, count, context.Cause(ctx))
		}
	}
}

// Count is how many things of a kind were seen so far.
func (r *Relay) Count(what What) int {
	_, count, _ := r.watch.look(what, 0)
	return count
}

func (w *watch) look(what What, n int) (seen *Seen, count int, added chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log[what]
	if log == nil {
		return nil, 0, w.added
	}
	if i := n - 1 - log.gone; i >= 0 && i < len(log.kept) {
		s := log.kept[i]
		seen = &s
	}
	return seen, log.gone + len(log.kept), w.added
}
