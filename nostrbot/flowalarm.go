package nostrbot

import (
	"context"
	"sync"
	"time"
)

// alarm brings timeouts to the mailboxes of the customers whose runs have been
// at a step for too long. It knows no more than the Store does, so a restart
// changes nothing, and of several bots on one store any may ring: the mailbox
// finds out who was late.
type alarm struct {
	bot   *Bot
	wake  chan struct{} // buffered: look again
	ready chan struct{} // closed when all relays have handed out their backlog

	mu      sync.Mutex
	next    time.Time // when it looks again; zero while it looks
	ringing map[string]bool
	behind  int             // relays that have not handed out theirs
	legs    map[string]bool // those that have
	wg      sync.WaitGroup
}

const (
	// alarmScan is how often the Store is asked at least, for what other
	// bots on it left behind. Our own runs are known to the millisecond.
	alarmScan = 10 * time.Second
	alarmPage = 256
	// alarmPatience is how long timeouts wait at most, after the start, for
	// what came before them. A relay may be down for days.
	alarmPatience = 30 * time.Second
)

func (a *alarm) init(b *Bot) {
	a.bot = b
	a.wake = make(chan struct{}, 1)
	a.ready = make(chan struct{})
	a.behind = len(b.pool.Health()) // there are no guests yet
	a.ringing, a.legs = map[string]bool{}, map[string]bool{}
}

// run rings until ctx ends.
func (a *alarm) run(ctx context.Context, with []Runner) {
	if len(a.bot.flows.byName) == 0 {
		return
	}
	a.catchUp(ctx, with)
	for ctx.Err() == nil {
		next := a.scan(ctx)
		timer := a.bot.cfg.Clock.After(next.Sub(a.bot.now()))
		if !a.bot.now().Before(next) {
			continue // the clock was set forward meanwhile
		}
		select {
		case <-timer:
		case <-a.wake:
		case <-ctx.Done():
		}
	}
}

// catchUp waits until the mailboxes hold what came while the bot was away: what
// customers sent in time goes before their timeouts, and so does what the
// runners have to tell.
func (a *alarm) catchUp(ctx context.Context, with []Runner) {
	enough := a.bot.cfg.Clock.After(alarmPatience)
	waits := []<-chan struct{}{a.ready}
	for _, r := range with {
		if c, ok := r.(interface{ CaughtUp() <-chan struct{} }); ok {
			waits = append(waits, c.CaughtUp())
		}
	}
	for _, ready := range waits {
		select {
		case <-ready:
		case <-enough:
			return
		case <-ctx.Done():
			return
		}
	}
}

// caughtUp is told when the backlog of a relay is in the mailboxes.
func (a *alarm) caughtUp(relay string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.legs[relay] {
		return
	}
	a.legs[relay] = true
	if a.behind--; a.behind == 0 {
		close(a.ready)
	}
}

// set is told of a deadline that was committed; zero is none.
func (a *alarm) set(at time.Time) {
	if at.IsZero() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next.IsZero() || at.Before(a.next) {
		a.poke()
	}
}

func (a *alarm) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// scan rings for all that is due and returns when to look again.
func (a *alarm) scan(ctx context.Context) time.Time {
	a.setNext(time.Time{})
	now := a.bot.now()
	next := now.Add(alarmScan)
	runs, err := a.bot.store.Due(ctx, next, alarmPage)
	if err != nil && ctx.Err() == nil {
		a.bot.log.Error("timeouts cannot be asked for", "err", err)
		next = now.Add(time.Second)
	}
	for _, r := range runs {
		if r.WakeAt.After(now) {
			next = r.WakeAt
			break
		}
		a.ring(r)
	}
	a.setNext(next)
	return next
}

func (a *alarm) setNext(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = at
}

// ring puts a timeout into the customer's mailbox, once: a page is as many as
// wait there, and each that is over makes room for the next.
func (a *alarm) ring(r Run) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ringing[r.Key] {
		return
	}
	l := a.bot.timeout(r.Key, r.WakeAt)
	l.done = make(chan error, 1)
	if !a.bot.boxes.put(r.Customer, l) {
		return
	}
	a.ringing[r.Key] = true
	a.wg.Go(func() {
		<-l.done
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.ringing, r.Key)
		a.poke()
	})
}

func (a *alarm) wait() { a.wg.Wait() }
