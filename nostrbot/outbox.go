package nostrbot

import (
	"context"
	"sync"
	"time"
)

const (
	outboxPage     = 64
	parcelPage     = 16
	parcelPageMax  = 256
	publishers     = 128  // parcels on their way at once to our own relays
	hosted         = 1024 // and to others: as many as the pool lets wait for guests
	resendMin      = time.Second
	resendMax      = 15 * time.Minute
	widenAfter     = 3 // rounds before relays are tried where the customer may not read
	overtakeAfter  = 4 // rounds before later parcels need not wait
	parcelLifetime = 14 * 24 * time.Hour
)

// outbox publishes what the Store holds until a relay accepted it. Parcels of
// one customer and one protocol leave in order, one at a time; customers do not
// wait for each other. A parcel that is not accepted in overtakeAfter rounds
// lets the later ones pass, so that one which no relay ever takes does not
// silence the bot; it is tried until it is parcelLifetime old.
//
// Nothing that matters is remembered but in the Store: a crash at any point
// ends in the same bytes being published again.
type outbox struct {
	bot    *Bot
	crowd  int           // see crowd.go
	slots  chan struct{} // bounds the rounds that ask our own relays alone
	hosted chan struct{} // bounds the others; a customer's relay holds up nobody else
	late   lateReceipts
	offers offers

	mu      sync.Mutex
	ctx     context.Context // set by run
	senders map[PubKey]*sender
	empty   emptied
	closing bool // senders stop instead of waiting for a better time
	left    bool // somebody left with parcels to be sent
	wg      sync.WaitGroup
}

// sender is the goroutine that serves one customer's parcels.
type sender struct {
	wake chan struct{} // buffered: something changed, look again
	now  bool          // a relay came up: do not wait for DueAt
	stay bool          // else another process may be the one to wait with it
	// fresh is all that the Store holds for the customer, where that is known:
	// the first round need not ask.
	fresh []Parcel
	// poor says that the relays where the customer reads did not take a
	// parcel for some rounds: the next ones are not held up for as long. Of
	// the sender's goroutine alone, as attempts is.
	poor     bool
	attempts map[string]*attempt
}

func (o *outbox) init(b *Bot) {
	o.bot, o.crowd = b, crowd
	o.slots = make(chan struct{}, publishers)
	o.hosted = make(chan struct{}, hosted)
	o.senders = map[PubKey]*sender{}
	o.empty.init(b)
	o.offers.init()
}

// run starts sending, with what an earlier run left behind.
func (o *outbox) run(ctx context.Context) {
	o.mu.Lock()
	o.ctx = ctx
	o.mu.Unlock()
	o.wg.Go(func() { o.sweep(ctx, func(c PubKey) { o.call(ctx, c, sender{now: true, stay: true}) }) })
	o.offers.Go(func() { o.fetchBack(ctx) })
}

// sweep calls f for each customer who has something to be sent.
func (o *outbox) sweep(ctx context.Context, f func(PubKey)) {
	var after PubKey
	for ctx.Err() == nil {
		customers, err := o.bot.store.Pending(ctx, after, outboxPage)
		if err != nil {
			o.bot.log.Error("outbox: list pending", "err", err)
			o.bot.sleep(ctx, resendMin)
			continue
		}
		for _, c := range customers {
			f(c)
			after = c
		}
		if len(customers) < outboxPage {
			return
		}
	}
}

// kick says that a customer has something to be sent. fresh is what the commit
// brought, if it is the mailbox's: see [emptied].
func (o *outbox) kick(customer PubKey, fresh ...Parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ctx == nil || o.ctx.Err() != nil || o.closing {
		return // the next run finds it in the Store
	}
	if s := o.senders[customer]; s != nil {
		s.stay = true
		s.poke()
		return
	}
	s := &sender{stay: true}
	if o.empty.take(customer) {
		s.fresh = fresh
	}
	o.start(customer, s)
}

func (o *outbox) start(customer PubKey, s *sender) {
	s.wake, s.attempts = make(chan struct{}, 1), map[string]*attempt{}
	o.senders[customer] = s
	ctx := o.ctx
	o.wg.Go(func() { growStack(); o.serve(ctx, customer, s) })
}

func (s *sender) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// relayUp lets waiting parcels try at once.
func (o *outbox) relayUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.senders {
		s.now = true
		s.poke()
	}
}

// hasten lets one customer's parcels try at once.
func (o *outbox) hasten(customer PubKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.senders[customer]; s != nil {
		s.now = true
		s.poke()
	}
}

// drain sends what can be sent now and returns when that is done or ctx ends.
func (o *outbox) drain(ctx context.Context) {
	o.mu.Lock()
	o.closing = true
	for _, s := range o.senders {
		s.now = true
		s.poke()
	}
	o.mu.Unlock()
	waitUntil(ctx, &o.wg)
}

// wait returns when nothing of the outbox runs any more. Its context must have
// ended.
func (o *outbox) wait() {
	o.wg.Wait()
	o.offers.Wait()
}

func (o *outbox) serve(ctx context.Context, customer PubKey, s *sender) {
	for {
		wait, left := o.bot.claims.send(ctx, customer, func() (time.Duration, bool) { return o.round(ctx, customer, s) })
		if left || wait > 0 && !o.park(ctx, customer, s, wait) {
			return
		}
	}
}

// round sends what can be sent now. It returns how long to wait before the
// next, or that the sender left.
func (o *outbox) round(ctx context.Context, customer PubKey, s *sender) (wait time.Duration, left bool) {
	parcels, err := s.fresh, error(nil)
	if s.fresh = nil; len(parcels) == 0 {
		parcels, err = o.bot.store.Parcels(ctx, customer, min(parcelPage+len(s.attempts), parcelPageMax))
	}
	switch {
	case err != nil:
		if ctx.Err() == nil {
			o.bot.log.Error("outbox: read parcels", "customer", customer, "err", err)
		}
		return resendMin, false
	case len(parcels) == 0:
		return 0, o.leave(customer, s)
	}
	wait = o.sendAll(ctx, s, parcels, o.hurry(s))
	// Whoever commits more says so, to this sender or to the next.
	return wait, wait == 0 && len(parcels) < parcelPage && o.leave(customer, s)
}

// hurry takes the sender's mark that waiting is over.
func (o *outbox) hurry(s *sender) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := s.now
	s.now = false
	return now
}

func (o *outbox) stopping() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closing
}

// passable tells whether later parcels may leave before this one: when it was
// tried for long, also where the customer may not read, or when a relay has it.
func (s *sender) passable(p *Parcel) bool {
	a := s.attempts[p.ID]
	return p.Attempts >= overtakeAfter || a != nil && (a.widened || a.doubts > 0)
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
		o.empty.put(customer)
		return true
	}
}

// park waits; false means that the sender must end.
func (o *outbox) park(ctx context.Context, customer PubKey, s *sender, wait time.Duration) bool {
	o.mu.Lock()
	closing := o.closing
	if closing || ctx.Err() != nil || !s.stay || o.crowded(wait) {
		delete(o.senders, customer)
		o.left = true
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
func (o *outbox) sendAll(ctx context.Context, s *sender, parcels []Parcel, hurry bool) (wait time.Duration) {
	held := map[Protocol]bool{} // by a parcel that others may not pass
	later := func(p *Parcel, d time.Duration) {
		if wait == 0 || d < wait {
			wait = max(d, time.Millisecond)
		}
		held[p.Via] = held[p.Via] || !s.passable(p)
	}
	for _, p := range parcels {
		if held[p.Via] {
			continue
		}
		// A first try is not hastened: its date keeps it apart from its twin.
		// Nothing is put off for longer than resendMax: the clock was set back.
		if early := p.DueAt.Sub(o.bot.now()); early > 0 && early <= resendMax && (!hurry || p.Attempts == 0 && !o.stopping()) {
			later(&p, early)
			continue
		}
		if s.attempts[p.ID] == nil {
			s.attempts[p.ID] = &attempt{}
		}
		changed := o.publish(ctx, s, &p)
		if ctx.Err() != nil && p.State == ParcelPending {
			return resendMin
		}
		if changed {
			err := o.bot.store.Update(ctx, p)
			o.bot.writes.note(err)
			if err != nil {
				o.bot.log.Error("outbox: record delivery", "customer", p.To, "message", p.ID, "err", err)
				return resendMin
			}
		}
		if p.State == ParcelSent {
			o.copyToSelf(ctx, p)
		}
		if p.State != ParcelPending {
			o.bot.settled(&p)
			delete(s.attempts, p.ID)
			continue
		}
		later(&p, p.DueAt.Sub(o.bot.now()))
	}
	return wait
}
