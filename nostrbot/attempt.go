package nostrbot

import (
	"slices"
	"sync"
	"time"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

const (
	// strangerWork is the most work done for a relay that a customer named,
	// some two seconds for a short message, strangerTime the most time, and
	// strangerQueue how many events wait for theirs.
	strangerWork  = 20
	strangerTime  = 5 * time.Second
	strangerQueue = 16
	// someWork is tried where a relay does not say how much it wants, and
	// moreWork more each time it is not content.
	someWork, moreWork = 16, 4
	workTime           = 2 * time.Minute
)

// attempt is what this process learned while publishing one parcel. It is not
// stored: whoever tries after a restart learns it again.
type attempt struct {
	// doubts counts the rounds in which a relay accepted the parcel of which
	// nobody could say whether the customer reads it. Of the sender alone.
	doubts int
	// widened tells that relays were tried where the customer may not read. Of
	// the sender alone.
	widened bool

	mu    sync.Mutex
	terms map[string]*terms
}

// terms are what one relay asks of a parcel. Guarded by attempt.mu.
type terms struct {
	event   []byte // wrapped for this relay; nil: the parcel's own
	bits    int
	recent  bool
	working bool // an event with more work is being made
	refused bool // for good
}

// of returns a relay's terms, to be used under a.mu.
func (a *attempt) of(url string) *terms {
	if a.terms == nil {
		a.terms = map[string]*terms{}
	}
	t := a.terms[url]
	if t == nil {
		t = &terms{}
		a.terms[url] = t
	}
	return t
}

// open are those of the relays that may take the parcel now.
func (a *attempt) open(urls []string) (open []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range urls {
		if t := a.terms[u]; t == nil || !t.refused && !t.working {
			open = append(open, u)
		}
	}
	return open
}

// refusedBy tells whether all of the relays refused it for good.
func (a *attempt) refusedBy(urls []string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !slices.ContainsFunc(urls, func(u string) bool { return a.terms[u] == nil || !a.terms[u].refused })
}

func (a *attempt) event(url string, original []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.terms[url]; t != nil && t.event != nil {
		return t.event
	}
	return original
}

// rewrapped notes the event for a relay, made with so much work.
func (a *attempt) rewrapped(url string, event []byte, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.of(url)
	t.working = false
	if err != nil {
		t.refused = true
		return
	}
	t.event = event
}

// redate reports whether a wrap dated now is worth trying.
func (a *attempt) redate(url string) (bits int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.of(url)
	if t.recent {
		return 0, false
	}
	t.recent = true
	return t.bits, true
}

// raise returns how much work to do after a refusal, if at most so much may
// be. Nothing is asked of the relay until rewrapped is called.
func (a *attempt) raise(url string, v relay.Verdict, most int) (bits int, recent, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.of(url)
	bits = v.Difficulty()
	if bits <= t.bits { // it says nothing, or what was done
		bits = max(someWork, t.bits+moreWork)
	}
	if bits > most {
		t.refused = true
		return 0, false, false
	}
	t.bits, t.working = bits, true
	return bits, t.recent, true
}

// notNow takes raise back: nobody works on it. The next round asks again.
func (a *attempt) notNow(url string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.of(url)
	t.bits, t.working = 0, false
}

func (a *attempt) refuse(url string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of(url).refused = true
}
