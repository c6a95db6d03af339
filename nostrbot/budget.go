package nostrbot

import (
	"context"
	"errors"
	"sync"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip13"
	"golang.org/x/time/rate"
)

// DecryptBudget bounds what a flood may cost before anybody can tell who sent
// it. A gift wrap hides its sender, so each one must be opened, which takes two
// multiplications on the curve and a signature check; a stranger can make them
// faster than that.
//
// Two token buckets of the same size share out the work. One is for kind 4
// events of customers who are [Message.Known], and for whatever carries enough
// work; the other for all the rest, known customers' wraps among it. So a flood
// of wraps does not hold up the first.
//
// What is over the budget waits, in order; what does not fit into the waiting
// room stays on the relays, and they are asked for it again, with growing
// pauses, when there is room. Nothing is lost; what was opened and found to be
// junk is not opened again.
type DecryptBudget struct {
	// PerSecond is how many events are opened a second, by each of the two
	// buckets. Zero is no bound but the machine's.
	PerSecond float64
	// Burst is how many at once. Defaults to PerSecond, at least one.
	Burst int
	// Work is how many bits of proof of work an event must have committed to
	// (NIP-13) to go with those of known customers. Zero: work does not count.
	Work int
	// Waiting is how many events wait at most, in front of each bucket.
	// Defaults to 4096; together they have 16 MB at most.
	Waiting int
}

const (
	defaultWaiting = 4096
	waitingBytes   = 8 << 20
)

func (d *DecryptBudget) check() error {
	if min(d.PerSecond, float64(d.Burst), float64(d.Work), float64(d.Waiting)) < 0 {
		return errors.New("DecryptBudget has a negative field: leave it zero for the default")
	}
	if d.PerSecond == 0 && (d.Burst > 0 || d.Work > 0 || d.Waiting > 0) {
		return errors.New("DecryptBudget has no PerSecond: set it, or leave out the rest")
	}
	return nil
}

// lanes are the ways into the intake when there is a budget.
type lanes struct {
	bot             *Bot
	trusted, others lane
	lookups         *rate.Limiter

	mu    sync.Mutex
	known recent[PubKey]
}

// lane is a token bucket with a waiting room.
type lane struct {
	bot     *Bot
	limit   *rate.Limiter
	max     int
	mu      sync.Mutex
	waiting []*opening
	bytes   int
	missed  bool          // something did not fit
	wake    chan struct{} // buffered: something waits
}

func (s *lanes) init(b *Bot) {
	s.bot = b
	d := b.cfg.DecryptBudget
	burst := d.Burst
	if burst == 0 {
		burst = max(1, int(d.PerSecond))
	}
	for _, l := range []*lane{&s.trusted, &s.others} {
		l.bot, l.max, l.wake = b, d.Waiting, make(chan struct{}, 1)
		if l.max == 0 {
			l.max = defaultWaiting
		}
		l.limit = rate.NewLimiter(rate.Limit(d.PerSecond), burst)
	}
	s.lookups = rate.NewLimiter(rate.Limit(d.PerSecond), burst)
}

// admit takes an event that a relay delivered, now or later.
func (s *lanes) admit(ctx context.Context, o *opening) {
	d := &s.bot.cfg.DecryptBudget
	switch {
	case d.PerSecond == 0:
		s.bot.intake.queue(ctx, o)
	case d.Work > 0 && nip13.CommittedDifficulty(o.Event) >= d.Work, s.knows(ctx, o.Event):
		s.trusted.admit(ctx, o)
	default:
		s.others.admit(ctx, o)
	}
}

// knows tells whether an event says that it is a known customer's. It is not
// verified yet: who forges it must get it past the relays, which verify, and
// takes up the room of known customers, not more than that.
func (s *lanes) knows(ctx context.Context, ev *nostr.Event) bool {
	if ev.Kind != kindDM {
		return false
	}
	customer := PubKey(parseEventID(ev.PubKey))
	s.mu.Lock()
	known := s.known.has(customer)
	s.mu.Unlock()
	if known || !s.lookups.AllowN(s.bot.now(), 1) { // looking up must not become the cost
		return known
	}
	conv, err := s.bot.store.Load(ctx, customer, s.bot.now())
	if err != nil {
		return false
	}
	rec, err := readRecord(conv.State)
	if err != nil || !rec.Known {
		return false
	}
	s.meet(customer)
	return true
}

// meet remembers a known customer.
func (s *lanes) meet(customer PubKey) {
	if s.bot.cfg.DecryptBudget.PerSecond == 0 {
		return
	}
	s.mu.Lock()
	s.known.add(customer)
	s.mu.Unlock()
}

// caughtUp lets the mark that a relay has handed out all that it kept go after
// what waits here. It comes again when the relay was asked for what did not fit.
func (s *lanes) caughtUp(ctx context.Context, o *opening) {
	if s.bot.cfg.DecryptBudget.PerSecond == 0 {
		s.bot.intake.queue(ctx, o)
		return
	}
	o.lanes.Store(2)
	s.trusted.mark(ctx, o)
	s.others.mark(ctx, o)
}

// quiet tells that nothing waits, and that nothing was left on the relays.
func (s *lanes) quiet() bool { return s.trusted.quiet() && s.others.quiet() }

func (l *lane) quiet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) == 0 && !l.missed
}

func (l *lane) mark(ctx context.Context, o *opening) {
	l.mu.Lock()
	free := len(l.waiting) == 0
	if !free && !l.missed {
		l.waiting = append(l.waiting, o)
	}
	l.mu.Unlock()
	if free {
		l.pass(ctx, o)
	}
}

// pass lets a mark in that has gone through both lanes.
func (l *lane) pass(ctx context.Context, o *opening) {
	if o.lanes.Add(-1) == 0 {
		l.bot.intake.queue(ctx, o)
	}
}

func (l *lane) admit(ctx context.Context, o *opening) {
	l.mu.Lock()
	size := len(o.Event.Content)
	switch {
	case len(l.waiting) == 0 && l.limit.AllowN(l.bot.now(), 1):
		l.mu.Unlock()
		l.bot.intake.queue(ctx, o)
		return
	case len(l.waiting) >= l.max || l.bytes+size > waitingBytes && l.bytes > 0:
		l.missed = true
		l.mu.Unlock()
		l.bot.intake.seen.release(o.Event.ID)
		return
	}
	l.waiting = append(l.waiting, o)
	l.bytes += size
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run lets in what waits as the bucket fills, until the intake stops.
func (l *lane) run(ctx context.Context) {
	stop := l.bot.intake.stop
	for {
		o := l.first()
		if o == nil {
			select {
			case <-l.wake:
				continue
			case <-stop:
				return
			}
		}
		if o.Event == nil {
			l.pop()
			l.pass(ctx, o)
			continue
		}
		now := l.bot.now()
		token := l.limit.ReserveN(now, 1)
		if wait := token.DelayFrom(now); wait > 0 {
			token.CancelAt(now)
			select {
			case <-l.bot.cfg.Clock.After(wait):
				continue
			case <-stop:
				return
			}
		}
		l.bot.intake.queue(ctx, o) // before it is missing here: a mark must not overtake it
		if room := l.pop(); room {
			l.bot.boxes.askAgain()
		}
	}
}

func (l *lane) first() *opening {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return nil
	}
	return l.waiting[0]
}

// pop takes the first one out and tells whether there is room for what was
// missed.
func (l *lane) pop() (room bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ev := l.waiting[0].Event; ev != nil {
		l.bytes -= len(ev.Content)
	}
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	if len(l.waiting) == 0 {
		l.waiting = nil
	}
	room = l.missed && len(l.waiting) <= l.max/2 && l.bytes <= waitingBytes/2
	if room {
		l.missed = false
	}
	return room
}
