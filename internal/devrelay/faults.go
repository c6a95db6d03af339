package devrelay

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nbd-wtf/go-nostr"
)

// AuthMode says whom a relay serves (NIP-42).
type AuthMode int

const (
	// AuthOff serves everybody.
	AuthOff AuthMode = iota
	// AuthOnConnect challenges each connection at once and refuses REQ and
	// EVENT with "auth-required:" until the client answers.
	AuthOnConnect
	// AuthOnDemand refuses the same, but challenges only with a refusal.
	AuthOnDemand
	// AuthSilent challenges each connection at once, refuses nothing, and
	// keeps all events back from clients that did not answer.
	AuthSilent
)

// Faults makes a relay misbehave. Each switch holds until it is set otherwise;
// Clear sets all of them off. Safe for concurrent use, also while the relay
// serves; functions handed in are called without a lock, possibly by several
// goroutines.
type Faults struct {
	relay *Relay
	gate  gate
	drops atomic.Int64

	mu sync.Mutex
	switches
}

type switches struct {
	refuseEvent  func(*nostr.Event) string
	refuseREQ    func(sub string, filters []nostr.Filter) string
	refuseAuth   string
	skew         time.Duration
	ahead        time.Duration
	longest      int
	lose         bool
	beforeOK     func(*nostr.Event)
	delayLive    time.Duration
	auth         AuthMode
	noConns      bool
	swallowOK    bool
	cuts         int
	delayOK      time.Duration
	holdOK       bool
	heldOK       []func()
	withhold     bool
	hold         bool
	extra        int
	noEOSE       bool
	ignoreREQ    bool
	ignoreLimits bool
}

func newFaults(r *Relay) *Faults { return &Faults{relay: r} }

func (f *Faults) set(change func(*switches)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.switches)
}

func get[T any](f *Faults, read func(*switches) T) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	return read(&f.switches)
}

// Clear sets all faults off; what was held back is released.
func (f *Faults) Clear() {
	f.ReleaseOKs()
	f.ReleaseLive(nil)
	f.HalfOpen(false)
	f.set(func(s *switches) { *s = switches{} })
}

// RefuseEvents answers every EVENT with OK false and the reason, such as
// "rate-limited: slow down"; "" accepts again.
func (f *Faults) RefuseEvents(reason string) {
	f.RefuseEventsFunc(func(*nostr.Event) string { return reason })
}

// RefuseNextEvents does so for the next n events.
func (f *Faults) RefuseNextEvents(n int, reason string) {
	next := countdown(n, reason)
	f.RefuseEventsFunc(func(*nostr.Event) string { return next() })
}

// RefuseEventsFunc asks refuse about every event that verifies: a reason, or
// "" to accept.
func (f *Faults) RefuseEventsFunc(refuse func(*nostr.Event) string) {
	f.set(func(s *switches) { s.refuseEvent = refuse })
}

// RefuseREQs answers every REQ with CLOSED and the reason, such as "error:
// shutting down"; "" serves again.
func (f *Faults) RefuseREQs(reason string) {
	f.RefuseREQsFunc(func(string, []nostr.Filter) string { return reason })
}

// RefuseNextREQs does so for the next n.
func (f *Faults) RefuseNextREQs(n int, reason string) {
	next := countdown(n, reason)
	f.RefuseREQsFunc(func(string, []nostr.Filter) string { return next() })
}

// RefuseREQsFunc asks refuse about every REQ: a reason, or "" to serve it.
func (f *Faults) RefuseREQsFunc(refuse func(sub string, filters []nostr.Filter) string) {
	f.set(func(s *switches) { s.refuseREQ = refuse })
}

func countdown(n int, reason string) func() string {
	var mu sync.Mutex
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		if n <= 0 {
			return ""
		}
		n--
		return reason
	}
}

// RefuseSkew refuses events whose created_at is more than d away from the
// relay's clock, either way; 0 stops that.
func (f *Faults) RefuseSkew(d time.Duration) { f.set(func(s *switches) { s.skew = d }) }

// SkewClock sets the relay's clock so far ahead; negative is behind.
func (f *Faults) SkewClock(ahead time.Duration) { f.set(func(s *switches) { s.ahead = ahead }) }

// CapMessages refuses messages of more than n bytes, in place of
// Options.MaxMessage if that is more; 0 stops that.
func (f *Faults) CapMessages(n int) { f.set(func(s *switches) { s.longest = n }) }

// LoseEvents answers EVENTs with OK true and forgets them.
func (f *Faults) LoseEvents(on bool) { f.set(func(s *switches) { s.lose = on }) }

// BeforeOK calls do with every EVENT that was accepted, after it was stored
// and before its OK; nil stops that.
func (f *Faults) BeforeOK(do func(*nostr.Event)) { f.set(func(s *switches) { s.beforeOK = do }) }

// RequireAuth sets whom the relay serves, for connections there are too.
func (f *Faults) RequireAuth(mode AuthMode) {
	f.set(func(s *switches) { s.auth = mode })
	if mode == AuthOnConnect || mode == AuthSilent {
		f.eachConn(func(c *conn) { c.sendChallenge() })
	}
}

// RefuseAuth answers every AUTH with OK false and the reason; "" accepts.
func (f *Faults) RefuseAuth(reason string) { f.set(func(s *switches) { s.refuseAuth = reason }) }

// SwallowOKs accepts and stores events but never says so.
func (f *Faults) SwallowOKs(on bool) { f.set(func(s *switches) { s.swallowOK = on }) }

// CutBeforeOK cuts the connection after an event was stored and before its
// OK, for the next n events.
func (f *Faults) CutBeforeOK(n int) { f.set(func(s *switches) { s.cuts = n }) }

// DelayOKs sends each OK so much later.
func (f *Faults) DelayOKs(d time.Duration) { f.set(func(s *switches) { s.delayOK = d }) }

// HoldOKs keeps OKs back until ReleaseOKs.
func (f *Faults) HoldOKs() { f.set(func(s *switches) { s.holdOK = true }) }

// ReleaseOKs sends the OKs held back, and holds no more.
func (f *Faults) ReleaseOKs() {
	var held []func()
	f.set(func(s *switches) { held, s.heldOK, s.holdOK = s.heldOK, nil, false })
	for _, send := range held {
		send()
	}
}

// WithholdLive stores events but sends none to live subscriptions.
func (f *Faults) WithholdLive(on bool) { f.set(func(s *switches) { s.withhold = on }) }

// DelayLive sends each event to live subscriptions so much later.
func (f *Faults) DelayLive(d time.Duration) { f.set(func(s *switches) { s.delayLive = d }) }

// HoldLive keeps events back from live subscriptions until ReleaseLive.
func (f *Faults) HoldLive() { f.set(func(s *switches) { s.hold = true }) }

// ReleaseLive sends the events held back, in the order that reorder makes of
// them (nil: as they came), and holds no more.
func (f *Faults) ReleaseLive(reorder func(held []*nostr.Event) []*nostr.Event) {
	f.relay.mu.Lock()
	defer f.relay.mu.Unlock()
	f.set(func(s *switches) { s.hold = false })
	held := f.relay.held
	f.relay.held = nil
	if reorder == nil {
		reorder = func(held []*nostr.Event) []*nostr.Event { return held }
	}
	events := make([]*nostr.Event, len(held))
	for i, s := range held {
		events[i] = s.event
	}
	for _, ev := range reorder(slices.Clone(events)) {
		if i := slices.Index(events, ev); i >= 0 {
			f.relay.broadcast(held[i])
		}
	}
}

// Duplicate sends every event, stored or live, n more times.
func (f *Faults) Duplicate(n int) { f.set(func(s *switches) { s.extra = n }) }

// WithholdEOSE sends stored events, but no EOSE after them.
func (f *Faults) WithholdEOSE(on bool) { f.set(func(s *switches) { s.noEOSE = on }) }

// IgnoreREQs reads REQs and does nothing about them.
func (f *Faults) IgnoreREQs(on bool) { f.set(func(s *switches) { s.ignoreREQ = on }) }

// IgnoreLimits answers each REQ with all that matches.
func (f *Faults) IgnoreLimits(on bool) { f.set(func(s *switches) { s.ignoreLimits = on }) }

// RefuseConnections answers every handshake with status 503.
func (f *Faults) RefuseConnections(on bool) { f.set(func(s *switches) { s.noConns = on }) }

// HalfOpen stops all reading and writing, but keeps the sockets; a handshake
// hangs. Off, everything goes on where it stopped.
func (f *Faults) HalfOpen(on bool) { f.gate.set(on) }

// DropConnections ends all connections now, without a goodbye.
func (f *Faults) DropConnections() {
	f.drops.Add(1)
	f.eachConn(func(c *conn) { c.drop() })
}

// CloseSubscriptions ends all live subscriptions with CLOSED and the reason.
func (f *Faults) CloseSubscriptions(reason string) {
	f.eachConn(func(c *conn) {
		for _, id := range slices.Sorted(maps.Keys(c.subs)) {
			delete(c.subs, id)
			c.sendClosed(id, reason)
		}
	})
}

func (f *Faults) eachConn(do func(*conn)) {
	f.relay.mu.Lock()
	defer f.relay.mu.Unlock()
	for c := range f.relay.conns {
		do(c)
	}
}

// release lets everybody go who waits for a fault to end.
func (f *Faults) release() { f.gate.set(false) }

// now is the relay's clock.
func (f *Faults) now() time.Time {
	return f.relay.opts.Now().Add(get(f, func(s *switches) time.Duration { return s.ahead }))
}

// maxMessage is the longest message that is read.
func (f *Faults) maxMessage() int {
	if n := get(f, func(s *switches) int { return s.longest }); n > 0 {
		return min(n, f.relay.opts.MaxMessage)
	}
	return f.relay.opts.MaxMessage
}

// stored is told of an event that was accepted.
func (f *Faults) stored(ev *nostr.Event) {
	if do := get(f, func(s *switches) func(*nostr.Event) { return s.beforeOK }); do != nil {
		do(ev)
	}
}

func (f *Faults) refusesConnections() bool {
	return get(f, func(s *switches) bool { return s.noConns })
}

func (f *Faults) authMode() AuthMode { return get(f, func(s *switches) AuthMode { return s.auth }) }

func (f *Faults) challengesOnConnect() bool {
	mode := f.authMode()
	return mode == AuthOnConnect || mode == AuthSilent
}

func (f *Faults) refusesUntilAuth() bool {
	mode := f.authMode()
	return mode == AuthOnConnect || mode == AuthOnDemand
}

func (f *Faults) silencedUntilAuth() bool { return f.authMode() == AuthSilent }
func (f *Faults) withholds() bool         { return get(f, func(s *switches) bool { return s.withhold }) }
func (f *Faults) loses() bool             { return get(f, func(s *switches) bool { return s.lose }) }
func (f *Faults) holds() bool             { return get(f, func(s *switches) bool { return s.hold }) }
func (f *Faults) copies() int             { return get(f, func(s *switches) int { return 1 + s.extra }) }

// eventRefusal is called without a lock, as the function may call back.
func (f *Faults) eventRefusal(ev *nostr.Event) string {
	s := get(f, func(s *switches) switches { return *s })
	if away := f.now().Sub(ev.CreatedAt.Time()).Abs(); s.skew > 0 && away > s.skew {
		return fmt.Sprintf("invalid: created_at is too far from now (%v, at most %v)", away.Truncate(time.Second), s.skew)
	}
	if s.refuseEvent == nil {
		return ""
	}
	return s.refuseEvent(ev)
}

func (f *Faults) reqRefusal(sub string, filters []nostr.Filter) string {
	refuse := get(f, func(s *switches) func(string, []nostr.Filter) string { return s.refuseREQ })
	if refuse == nil {
		return ""
	}
	return refuse(sub, filters)
}

// answer decides what becomes of an OK, and returns what to do now.
func (f *Faults) answer(c *conn, ok bool, send func()) (now func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	nothing := func() {}
	switch s := &f.switches; {
	case ok && s.cuts > 0:
		s.cuts--
		return c.drop
	case ok && s.swallowOK:
		return nothing
	case s.holdOK:
		s.heldOK = append(s.heldOK, send)
		return nothing
	case s.delayOK > 0:
		delay := s.delayOK
		return func() { time.AfterFunc(delay, send) }
	}
	return send
}
