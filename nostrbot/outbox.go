package nostrbot

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

const (
	outboxPage     = 64
	parcelPage     = 16
	publishers     = 64 // parcels on their way at once
	resendMin      = time.Second
	resendMax      = 5 * time.Minute
	widenAfter     = 3 // rounds on the customer's relays before the bot's own are tried too
	parcelLifetime = 14 * 24 * time.Hour
)

// outbox publishes what the Store holds until a relay accepted it. Parcels of
// one customer leave in order, one at a time; customers do not wait for each
// other. Nothing but the Store is remembered: a crash at any point ends in the
// same bytes being published again.
type outbox struct {
	bot   *Bot
	slots chan struct{}

	mu      sync.Mutex
	ctx     context.Context // set by run
	senders map[PubKey]*sender
	closing bool // senders stop instead of waiting for a better time
	wg      sync.WaitGroup
}

// sender is the goroutine that serves one customer's parcels.
type sender struct {
	wake chan struct{} // buffered: something changed, look again
	now  bool          // a relay came up: do not wait for DueAt
}

func (o *outbox) init(b *Bot) {
	o.bot = b
	o.slots = make(chan struct{}, publishers)
	o.senders = map[PubKey]*sender{}
}

// run starts sending, with what an earlier run left behind.
func (o *outbox) run(ctx context.Context) {
	o.mu.Lock()
	o.ctx = ctx
	o.mu.Unlock()
	o.wg.Go(func() {
		var after PubKey
		for ctx.Err() == nil {
			customers, err := o.bot.store.Pending(ctx, after, outboxPage)
			if err != nil {
				o.bot.log.Error("outbox: list pending", "err", err)
				o.bot.sleep(ctx, resendMin)
				continue
			}
			for _, c := range customers {
				o.kick(c)
				after = c
			}
			if len(customers) < outboxPage {
				return
			}
		}
	})
}

// kick says that a customer has something to be sent.
func (o *outbox) kick(customer PubKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ctx == nil || o.ctx.Err() != nil || o.closing {
		return // the next run finds it in the Store
	}
	if s := o.senders[customer]; s != nil {
		s.poke()
		return
	}
	s := &sender{wake: make(chan struct{}, 1), now: true} // after a restart, too
	o.senders[customer] = s
	ctx := o.ctx
	o.wg.Go(func() { o.serve(ctx, customer, s) })
}

func (s *sender) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// relayUp lets waiting parcels try at once.
func (o *outbox) relayUp(string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.senders {
		s.now = true
		s.poke()
	}
}

// drain sends what can be sent now and returns when that is done or ctx ends.
func (o *outbox) drain(ctx context.Context) {
	o.mu.Lock()
	o.closing = true
	for _, s := range o.senders {
		s.poke()
	}
	o.mu.Unlock()
	waitUntil(ctx, &o.wg)
}

func (o *outbox) wait() { o.wg.Wait() }

func (o *outbox) serve(ctx context.Context, customer PubKey, s *sender) {
	for {
		parcels, err := o.bot.store.Parcels(ctx, customer, parcelPage)
		wait := time.Duration(0)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				o.bot.log.Error("outbox: read parcels", "customer", customer, "err", err)
			}
			wait = resendMin
		case len(parcels) == 0:
			if o.leave(customer, s) {
				return
			}
		default:
			wait = o.sendAll(ctx, parcels, o.hurry(s))
			// Whoever commits more says so, to this sender or to the next.
			if wait == 0 && len(parcels) < parcelPage && o.leave(customer, s) {
				return
			}
		}
		if wait > 0 && !o.park(ctx, customer, s, wait) {
			return
		}
	}
}

// hurry takes the sender's mark that waiting is over.
func (o *outbox) hurry(s *sender) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := s.now
	s.now = false
	return now
}

// leave ends the sender, unless it was woken meanwhile.
func (o *outbox) leave(customer PubKey, s *sender) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-s.wake:
		return false
	default:
		delete(o.senders, customer)
		return true
	}
}

// park waits; false means that the sender must end.
func (o *outbox) park(ctx context.Context, customer PubKey, s *sender, wait time.Duration) bool {
	o.mu.Lock()
	closing := o.closing
	if closing || ctx.Err() != nil {
		delete(o.senders, customer)
		o.mu.Unlock()
		return false
	}
	o.mu.Unlock()
	select {
	case <-o.bot.cfg.Clock.After(wait):
	case <-s.wake:
	case <-ctx.Done():
	}
	return true
}

// sendAll publishes parcels in order. It returns how long to wait before
// looking again; zero when all of them found their end.
func (o *outbox) sendAll(ctx context.Context, parcels []Parcel, hurry bool) time.Duration {
	for _, p := range parcels {
		if wait := p.DueAt.Sub(o.bot.now()); wait > 0 && !hurry {
			return wait
		}
		select {
		case o.slots <- struct{}{}:
		case <-ctx.Done():
			return resendMin
		}
		o.publish(ctx, &p)
		<-o.slots
		if ctx.Err() != nil && p.State == ParcelPending {
			return resendMin
		}
		if err := o.bot.store.Update(ctx, p); err != nil {
			o.bot.log.Error("outbox: record delivery", "customer", p.To, "message", p.ID, "err", err)
			return resendMin
		}
		if p.State == ParcelPending {
			return max(p.DueAt.Sub(o.bot.now()), time.Millisecond)
		}
	}
	return 0
}

// publish makes one round and moves p accordingly. Only OK true from a relay
// that the customer reads is delivery.
func (o *outbox) publish(ctx context.Context, p *Parcel) {
	targets := p.Relays
	if p.Attempts >= widenAfter {
		targets = nil // the bot's own
	}
	verdicts := o.bot.pool.Publish(ctx, p.Event, targets...)
	if targets != nil && allFinal(verdicts) {
		verdicts = append(verdicts, o.bot.pool.Publish(ctx, p.Event)...)
	}
	now := o.bot.now()
	for _, v := range verdicts {
		if v.Delivered() {
			p.State = ParcelSent
			p.Receipts = append(p.Receipts, Receipt{Relay: v.Relay, At: now})
		}
	}
	if p.State == ParcelSent || ctx.Err() != nil {
		return
	}
	p.Attempts++
	if allFinal(verdicts) || now.Sub(p.CreatedAt) > parcelLifetime {
		p.State = ParcelGivenUp
		o.bot.log.Warn("reply given up", "customer", p.To, "message", p.ID, "attempts", p.Attempts, "verdicts", slogVerdicts(verdicts))
		return
	}
	pause := min(resendMin<<min(p.Attempts-1, 10), resendMax)
	p.DueAt = now.Add(pause/2 + rand.N(pause/2))
	o.bot.log.Info("reply not accepted yet", "customer", p.To, "message", p.ID, "attempts", p.Attempts, "verdicts", slogVerdicts(verdicts))
}

func allFinal(verdicts []relay.Verdict) bool {
	for _, v := range verdicts {
		if !v.Final() {
			return false
		}
	}
	return len(verdicts) > 0
}

func slogVerdicts(verdicts []relay.Verdict) slog.Value {
	var attrs []slog.Attr
	for _, v := range verdicts {
		attrs = append(attrs, slog.String(v.Relay, v.String()))
	}
	return slog.GroupValue(attrs...)
}
