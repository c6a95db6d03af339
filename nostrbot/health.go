package nostrbot

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

// HealthLimits say when a bot is well. A zero field is its default.
type HealthLimits struct {
	// Relays is on how many relays the inbox must be live: EOSE came for the
	// REQ that is open now, and the last canary came back. Defaults to 1. With as many as the bot has, the
	// moment of each hourly REQ counts as illness.
	Relays int
	// Unsent is how old a reply may grow before a relay has accepted it.
	// Defaults to 10 minutes.
	Unsent time.Duration
	// Probe is how long the Store may take to answer. Defaults to 2 seconds.
	Probe time.Duration
}

func (l *HealthLimits) setDefaults() {
	if l.Relays == 0 {
		l.Relays = 1
	}
	if l.Unsent == 0 {
		l.Unsent = 10 * time.Minute
	}
	if l.Probe == 0 {
		l.Probe = 2 * time.Second
	}
}

// HealthReport is how a bot is. It is what [Bot.HealthHandler] answers, as JSON.
type HealthReport struct {
	OK bool `json:"ok"`
	// Reasons say why not, a sentence each; none when OK.
	Reasons []string `json:"reasons,omitempty"`
	// At is the time of the check, by the bot's clock.
	At time.Time `json:"at"`
	// Relays are the bot's own.
	Relays []RelayHealth `json:"relays"`
	// Unsent is the age of the oldest reply that no relay has accepted, of the
	// customers looked at: 1024 at most. Zero when there is none.
	Unsent Seconds `json:"unsent_seconds"`
}

// RelayHealth is one of the bot's own relays; see [relay.Leg].
type RelayHealth struct {
	URL       string `json:"url"`
	Connected bool   `json:"connected"`
	Live      bool   `json:"live"`
	CaughtUp  bool   `json:"caught_up"`
	// Deaf says that a canary did not come back; Live is false then.
	Deaf  bool      `json:"deaf"`
	Since time.Time `json:"since"`
	// Error is the last one; it stays after the recovery.
	Error string `json:"error,omitempty"`
}

// Seconds is a duration that JSON shows in seconds.
type Seconds time.Duration

// MarshalJSON writes whole milliseconds.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", time.Duration(s).Seconds()), nil
}

func (r *HealthReport) faultf(format string, args ...any) {
	r.Reasons = append(r.Reasons, fmt.Sprintf(format, args...))
}

// healthChecks are what a bot must pass to be well. Each adds to the report what
// it found, and a reason where that is a fault.
var healthChecks = []func(b *Bot, ctx context.Context, limits HealthLimits, r *HealthReport){
	checkRunning, checkRelays, checkStore, checkUnsent,
}

// CheckHealth looks at the bot once. It reads the Store, and returns when that
// answered or limits.Probe is over; a Store that does not heed its ctx holds it
// up (see [Bot.HealthHandler], which does not wait for that).
func (b *Bot) CheckHealth(ctx context.Context, limits HealthLimits) HealthReport {
	limits.setDefaults()
	ctx, cancel := context.WithTimeout(ctx, limits.Probe)
	defer cancel()
	r := HealthReport{At: b.now().UTC(), Relays: []RelayHealth{}}
	for _, check := range healthChecks {
		check(b, ctx, limits, &r)
	}
	r.OK = len(r.Reasons) == 0
	return r
}

func checkRunning(b *Bot, _ context.Context, _ HealthLimits, r *HealthReport) {
	select {
	case <-b.started:
		if b.handlers.Err() != nil {
			r.faultf("the bot has stopped")
		}
	default:
		r.faultf("the bot has not started")
	}
}

// checkRelays goes by EOSE for the current REQ: a socket that is open says
// nothing about what comes through it.
func checkRelays(b *Bot, _ context.Context, limits HealthLimits, r *HealthReport) {
	live := 0
	for _, l := range b.pool.Health() {
		if l.Guest {
			continue
		}
		if l.Live {
			live++
		}
		r.Relays = append(r.Relays, relayHealth(l))
	}
	if live < limits.Relays {
		r.faultf("the inbox is live on %d of %d relays, and must be on %d", live, len(r.Relays), limits.Relays)
	}
}

func relayHealth(l relay.Leg) RelayHealth {
	h := RelayHealth{URL: l.URL, Connected: l.Connected, Live: l.Live, CaughtUp: l.CaughtUp, Deaf: l.Deaf, Since: l.Since.UTC()}
	if l.Err != nil {
		h.Error = l.Err.Error()
	}
	return h
}

func checkStore(b *Bot, ctx context.Context, _ HealthLimits, r *HealthReport) {
	if _, err := b.store.Load(ctx, b.me, r.At); err != nil {
		r.faultf("the store does not answer: %v", err)
		return
	}
	if err := b.writes.failing(); err != nil {
		r.faultf("the store does not take what is written: %v", err)
	}
}

// writes remember whether the last write to the Store failed: one with a full
// disk still reads.
type writes struct{ err atomic.Pointer[error] }

func (w *writes) note(err error) {
	switch {
	case err == nil, errors.Is(err, ErrDone), errors.Is(err, ErrConflict):
		w.err.Store(nil)
	case !errors.Is(err, context.Canceled):
		w.err.Store(&err)
	}
}

func (w *writes) failing() error {
	if err := w.err.Load(); err != nil {
		return *err
	}
	return nil
}

// maxUnsentCustomers bounds one look at the outbox.
const maxUnsentCustomers = 1024

func checkUnsent(b *Bot, ctx context.Context, limits HealthLimits, r *HealthReport) {
	var after PubKey
	for looked := 0; looked < maxUnsentCustomers; {
		customers, err := b.store.Pending(ctx, after, outboxPage)
		if err != nil {
			r.faultf("the outbox cannot be read: %v", err)
			return
		}
		for _, c := range customers {
			oldest, err := b.store.Parcels(ctx, c, parcelPage)
			if err != nil {
				r.faultf("the outbox cannot be read: %v", err)
				return
			}
			for _, p := range oldest {
				if len(p.Receipts) == 0 { // else it is a relay of the customer's that is ill
					r.Unsent = max(r.Unsent, Seconds(r.At.Sub(p.CreatedAt)))
				}
			}
			after = c
		}
		if looked += len(customers); len(customers) < outboxPage {
			break
		}
	}
	if age := time.Duration(r.Unsent); age > limits.Unsent {
		r.faultf("a reply has been waiting for a relay for %v, and may for %v", age.Round(time.Second), limits.Unsent)
	}
}
