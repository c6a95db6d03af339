package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/relayurl"
)

// Config says which relays, what to ask of them, and whom to tell.
type Config struct {
	// URLs are the pool's own, trusted relays, ws:// or wss://. They are
	// normalised (see [NormalizeURL]) and deduplicated. They may be left out
	// only if GuestClient is set.
	URLs []string
	// Filters are the subscription on each own relay. It is called anew for
	// every REQ, by several goroutines, and must not block. A filter without
	// Limit is fetched in full, page by page; one with a Limit is sent as it
	// is. Nil: publish only.
	Filters func(now time.Time) []nostr.Filter
	// AsOf says which time Filters is to be given for a REQ to a relay, such
	// as the time when all that the relay had was last handled. It is called
	// like Filters. Nil: now.
	AsOf func(relay string, now time.Time) time.Time
	// Deliver takes the events, one at a time per relay; blocking it is the
	// backpressure (see the package's doc). ctx ends when Run ends, and Run
	// waits for Deliver to return. A panic in it is logged and that event is
	// dropped. Set together with Filters.
	Deliver func(ctx context.Context, d Delivery)
	// OnCaughtUp is told by Deliver's goroutine of a relay when all that the
	// relay kept for a REQ has been delivered, so that what was stored, newest
	// first, can be put in order. It comes again after each fresh REQ. May be
	// nil.
	OnCaughtUp func(ctx context.Context, relay string)
	// OnUp is told each time a relay can be published to (again): it was
	// connected, or it accepted our AUTH. Guests are told of too. Calls for
	// one relay come one at a time and are merged while one is running. May
	// be nil.
	OnUp func(relay string)
	// OnDown is told when a connection ended by itself, and why, by the
	// goroutine that connects again after it returned. Guests are told of too.
	// May be nil.
	OnDown func(relay string, err error)
	// Sign sets pubkey, id and signature of an AUTH event (NIP-42). ctx is
	// bounded by Timing.Answer. Nil: never authenticates.
	Sign func(ctx context.Context, event *nostr.Event) error
	// Logger may be nil: discards. Nothing of an event's content is logged.
	Logger *slog.Logger
	// Client dials the own relays; nil: one with the system's roots and proxy
	// settings. It must speak HTTP/1.1. Redirects are refused in any case.
	Client *http.Client
	// GuestClient dials relays that Publish and Fetch name and that are not
	// the pool's own, such as those in a customer's relay list. It is where
	// the guard belongs: public addresses only, checked at connect time.
	// Nil: the pool talks to its own relays only. At most 64 guests are
	// connected at a time, and 16 calls wait for each; a guest leaves when
	// unused for Timing.GuestIdle.
	GuestClient *http.Client
	// Timing may be left out.
	Timing Timing
}

// Timing are a pool's intervals. A zero field is its default.
type Timing struct {
	// Connect bounds dialling and the handshakes: 15 s.
	Connect time.Duration
	// Ping is how often a WebSocket ping is sent: 20 s. A socket from which
	// nothing was heard for Dead, 45 s, is closed.
	Ping, Dead time.Duration
	// Write bounds the writing of one frame: 10 s. Then the socket is closed.
	Write time.Duration
	// Publish is how long Publish waits for an OK: 7 s.
	Publish time.Duration
	// Answer is how long a relay may be silent after a REQ, before EOSE, or
	// after an AUTH: 30 s. Then the REQ is sent again.
	Answer time.Duration
	// BackoffMin and BackoffMax bound the wait before the next connect or
	// REQ after a failure: it grows from 1 s to 60 s, with full jitter above
	// half of BackoffMin.
	BackoffMin, BackoffMax time.Duration
	// Healthy is how long a connection or a subscription must have held for
	// its backoff to begin anew: 30 s.
	Healthy time.Duration
	// Refresh is how often a live subscription is replaced by a fresh REQ,
	// which also finds what reached the relay late: 1 h. Negative: never.
	Refresh time.Duration
	// GuestIdle is when an unused guest is let go: 1 min.
	GuestIdle time.Duration
	// Late is how long an OK is waited for after its Publish returned: 10 min.
	Late time.Duration
}

// Delivery is an event as a relay sent it.
type Delivery struct {
	// Event's id is recomputed, its signature is not checked.
	Event *nostr.Event
	// Relay is the URL of the leg, as in [Leg].
	Relay string
	// Stored says that the relay had kept it; false is live.
	Stored bool
}

func (t *Timing) setDefaults() {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Connect, 15 * time.Second},
		{&t.Ping, 20 * time.Second},
		{&t.Dead, 45 * time.Second},
		{&t.Write, 10 * time.Second},
		{&t.Publish, 7 * time.Second},
		{&t.Answer, 30 * time.Second},
		{&t.BackoffMin, time.Second},
		{&t.BackoffMax, time.Minute},
		{&t.Healthy, 30 * time.Second},
		{&t.Refresh, time.Hour},
		{&t.GuestIdle, time.Minute},
		{&t.Late, 10 * time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
}

func (t *Timing) check() error {
	if min(t.Connect, t.Ping, t.Dead, t.Write, t.Publish, t.Answer, t.BackoffMin,
		t.BackoffMax, t.Healthy, t.GuestIdle, t.Late) < 0 {
		return errors.New("timing: only Refresh may be negative")
	}
	var errs []error
	if t.Ping >= t.Dead {
		errs = append(errs, fmt.Errorf("timing: Ping (%v) must be shorter than Dead (%v)", t.Ping, t.Dead))
	}
	if t.BackoffMin > t.BackoffMax {
		errs = append(errs, fmt.Errorf("timing: BackoffMin (%v) must not exceed BackoffMax (%v)", t.BackoffMin, t.BackoffMax))
	}
	return errors.Join(errs...)
}

// normalize fills in defaults and returns all faults at once.
func (c *Config) normalize() error {
	var errs []error
	urls := make([]string, 0, len(c.URLs))
	for _, raw := range c.URLs {
		u, err := NormalizeURL(raw)
		if err != nil {
			errs = append(errs, err)
		} else if !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	c.URLs = urls
	if len(urls) == 0 && len(errs) == 0 && c.GuestClient == nil {
		errs = append(errs, errors.New("no relay: set URLs, or GuestClient for publishing to others"))
	}
	if c.AsOf == nil {
		c.AsOf = func(_ string, now time.Time) time.Time { return now }
	}
	if (c.Filters == nil) != (c.Deliver == nil) {
		errs = append(errs, errors.New("set both Filters and Deliver to subscribe, or neither to publish only"))
	}
	c.Timing.setDefaults()
	errs = append(errs, c.Timing.check())
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return errors.Join(errs...)
}

// ErrURL is wrapped by [NormalizeURL]'s errors.
var ErrURL = relayurl.ErrURL

// NormalizeURL gives a relay URL its one spelling: lower-case scheme and host,
// no default port, no slash after a bare host. Path and query are kept.
func NormalizeURL(raw string) (string, error) { return relayurl.Normalize(raw) }
