package nostrbottest

import (
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/devrelay"
)

// Relay is a relay in this process. Without faults it is strict and orderly: it
// verifies events, keeps them, and hands them on in the order in which it took
// them.
//
// Its other methods are the faults. A switch holds until it is set otherwise;
// Heal sets all of them off. They may be switched at any time, by any
// goroutine. Reasons begin with one of NIP-01's prefixes, such as
// "rate-limited:", "blocked:" or "error:", which is what bots go by.
//
// A relay named by [Over] has a URL only; its faults panic.
type Relay struct {
	net *Net
	url string
	dev *devrelay.Relay // nil for another's
}

func (n *Net) startRelay(t testing.TB) *Relay {
	t.Helper()
	dev, err := devrelay.Start("127.0.0.1:0", devrelay.Options{Name: "nostrbottest"})
	if err != nil {
		t.Fatalf("nostrbottest: %v", err)
	}
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Errorf("nostrbottest: %v", err)
		}
	})
	r := &Relay{net: n, url: dev.URL(), dev: dev}
	r.Heal()
	return r
}

// URL is the ws:// address.
func (r *Relay) URL() string { return r.url }

func (r *Relay) own() *devrelay.Relay {
	if r.dev == nil {
		panic("nostrbottest: " + r.url + " is not our relay: it has no faults to switch")
	}
	return r.dev
}

func (r *Relay) faults() *devrelay.Faults { return r.own().Faults }

// Heal sets all faults off; what was held back is released.
func (r *Relay) Heal() {
	r.faults().Clear()
	r.faults().BeforeOK(r.net.beforeOK)
}

// Refuse answers each event with OK false and the reason; "" accepts again.
func (r *Relay) Refuse(reason string) { r.faults().RefuseEvents(reason) }

// RefuseNext does so for the next n events.
func (r *Relay) RefuseNext(n int, reason string) { r.faults().RefuseNextEvents(n, reason) }

// RefuseReplies does so for what bots send to users only.
func (r *Relay) RefuseReplies(reason string) {
	r.faults().RefuseEventsFunc(func(ev *nostr.Event) string {
		if r.net.isReply(ev) {
			return reason
		}
		return ""
	})
}

// RefuseDates refuses events that are dated more than tolerance away from the
// relay's clock, which is ahead (negative: behind) by so much. Gift wraps are
// dated up to two days back. A tolerance of zero accepts any date.
func (r *Relay) RefuseDates(ahead, tolerance time.Duration) {
	r.faults().SkewClock(ahead)
	r.faults().RefuseSkew(tolerance)
}

// CapMessages refuses messages of more than n bytes; 0 stops that.
func (r *Relay) CapMessages(n int) { r.faults().CapMessages(n) }

// Lose answers events with OK true and forgets them.
func (r *Relay) Lose(on bool) { r.faults().LoseEvents(on) }

// SwallowOKs takes events and never says so.
func (r *Relay) SwallowOKs(on bool) { r.faults().SwallowOKs(on) }

// DelayOKs says so much later that an event was taken.
func (r *Relay) DelayOKs(d time.Duration) { r.faults().DelayOKs(d) }

// CutBeforeOK takes the next n events and cuts the connection before it says
// so.
func (r *Relay) CutBeforeOK(n int) { r.faults().CutBeforeOK(n) }

// Withhold keeps events, but hands on none until they are asked for anew.
func (r *Relay) Withhold(on bool) { r.faults().WithholdLive(on) }

// Delay hands on each event so much later; neighbours may change places.
func (r *Relay) Delay(d time.Duration) { r.faults().DelayLive(d) }

// Duplicate hands on each event n more times.
func (r *Relay) Duplicate(n int) { r.faults().Duplicate(n) }

// Hold keeps events back until Release.
func (r *Relay) Hold() { r.faults().HoldLive() }

// Release hands on what was held back, in the order that the numbers say: the
// events are numbered from 0 as they came. Without numbers it is the reverse
// order; a number that is left out is withheld.
func (r *Relay) Release(order ...int) {
	r.faults().ReleaseLive(func(held []*nostr.Event) []*nostr.Event {
		var out []*nostr.Event
		for i := len(held) - 1; len(order) == 0 && i >= 0; i-- {
			out = append(out, held[i])
		}
		for _, i := range order {
			if i >= 0 && i < len(held) {
				out = append(out, held[i])
			}
		}
		return out
	})
}

// Close ends all subscriptions with CLOSED and the reason.
func (r *Relay) Close(reason string) { r.faults().CloseSubscriptions(reason) }

// RefuseREQs answers each REQ with CLOSED and the reason; "" serves again.
func (r *Relay) RefuseREQs(reason string) { r.faults().RefuseREQs(reason) }

// IgnoreREQs answers no REQ at all.
func (r *Relay) IgnoreREQs(on bool) { r.faults().IgnoreREQs(on) }

// WithholdEOSE never says that stored events have come to their end.
func (r *Relay) WithholdEOSE(on bool) { r.faults().WithholdEOSE(on) }

// Drop ends all connections, without a goodbye.
func (r *Relay) Drop() { r.faults().DropConnections() }

// Down answers every handshake with status 503 and ends all connections.
func (r *Relay) Down(on bool) {
	r.faults().RefuseConnections(on)
	if on {
		r.faults().DropConnections()
	}
}

// HalfOpen keeps connections, but reads and writes nothing any more.
func (r *Relay) HalfOpen(on bool) { r.faults().HalfOpen(on) }

// Auth is how a relay asks for NIP-42.
type Auth int

// The ways to ask.
const (
	// AuthOff serves everybody.
	AuthOff Auth = iota
	// AuthOnConnect challenges at once and refuses with "auth-required:"
	// until it is answered.
	AuthOnConnect
	// AuthOnDemand refuses the same, but challenges only with the refusal.
	AuthOnDemand
	// AuthSilent challenges at once, refuses nothing, and hands on nothing
	// to those who did not answer.
	AuthSilent
)

// RequireAuth serves only those who say who they are.
func (r *Relay) RequireAuth(how Auth) {
	r.faults().RequireAuth([...]devrelay.AuthMode{
		devrelay.AuthOff, devrelay.AuthOnConnect, devrelay.AuthOnDemand, devrelay.AuthSilent,
	}[how])
}

// RefuseAuth answers each AUTH with OK false and the reason; "" accepts.
func (r *Relay) RefuseAuth(reason string) { r.faults().RefuseAuth(reason) }

// Inject hands on an event, as JSON, that nobody verified, as a hostile relay
// would.
func (r *Relay) Inject(event []byte) error { return r.own().Inject(event) }
