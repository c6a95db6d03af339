package nostrbottest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nbd-wtf/go-nostr"
)

// chaos makes one relay misbehave, now so, now so, by a seed. What it does goes
// by the events that come, not by time; it lies to nobody, so a message that a
// relay took is there.
type chaos struct {
	relay *Relay

	mu     sync.Mutex
	rnd    *rand.Rand
	every  int // events between two faults, about
	left   int
	deck   []int // the kinds of fault that are to come before all of them come again
	over   bool
	counts map[string]int
}

func newChaos(r *Relay, seed uint64, every int) *chaos {
	c := &chaos{relay: r, rnd: rand.New(rand.NewPCG(seed, 0)), every: every, left: 1, counts: map[string]int{}}
	r.faults().RefuseEventsFunc(c.event)
	return c
}

// event is asked by the relay about every event: a refusal, or "".
func (c *chaos) event(*nostr.Event) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return ""
	}
	if c.left--; c.left > 0 {
		return ""
	}
	c.left = 1 + c.rnd.IntN(2*c.every)
	f := c.relay.faults()
	short := time.Duration(1+c.rnd.IntN(100)) * time.Millisecond
	later := func(undo func()) { time.AfterFunc(short, undo) }
	fault, refusal := "", ""
	if len(c.deck) == 0 {
		c.deck = c.rnd.Perm(13)
	}
	kind := c.deck[0]
	c.deck = c.deck[1:]
	switch kind {
	case 0:
		fault, refusal = "refused", "error: try again"
	case 1:
		fault, refusal = "rate limited", "rate-limited: slow down"
	case 2:
		fault = "cut before OK"
		f.CutBeforeOK(1 + c.rnd.IntN(3))
	case 3:
		fault = "OKs delayed"
		f.DelayOKs(short)
		later(func() { f.DelayOKs(0) })
	case 4:
		fault = "OKs swallowed"
		f.SwallowOKs(true)
		time.AfterFunc(time.Millisecond, func() { f.SwallowOKs(false) })
	case 5:
		fault = "events delayed"
		f.DelayLive(short)
		later(func() { f.DelayLive(0) })
	case 6:
		fault = "duplicates"
		f.Duplicate(1)
		later(func() { f.Duplicate(0) })
	case 7:
		fault = "reordered"
		f.HoldLive()
		seed := c.rnd.Uint64()
		later(func() {
			f.ReleaseLive(func(held []*nostr.Event) []*nostr.Event {
				shuffle := rand.New(rand.NewPCG(seed, 1))
				shuffle.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
				return held
			})
		})
	case 8:
		fault = "withheld, then closed"
		f.WithholdLive(true)
		later(func() { f.WithholdLive(false); f.CloseSubscriptions("error: shutting down") })
	case 9:
		fault = "dropped"
		f.DropConnections()
	case 10:
		fault = "no connections"
		f.RefuseConnections(true)
		f.DropConnections()
		later(func() { f.RefuseConnections(false) })
	case 11:
		fault = "half open"
		f.HalfOpen(true)
		later(func() { f.HalfOpen(false) })
	case 12:
		fault = "REQs refused"
		f.RefuseNextREQs(2, "error: too many")
		f.CloseSubscriptions("auth-required: who are you")
	}
	c.counts[fault]++
	return refusal
}

// end stops it; what was begun ends by itself.
func (c *chaos) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

func (c *chaos) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, c.counts[name]))
	}
	return strings.Join(parts, ", ")
}
