package nostrbot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// claims keep several processes on one Store from doing the same work. Without
// a [Claimer] every customer is ours and nothing is asked.
//
// A customer is claimed before a message is handled or a parcel sent. The claim
// is kept while there is work, prolonged long before its lease ends, and given
// back soon after the work is over: a busy customer costs one question to the
// Store per lease, and an idle one keeps nobody waiting. What dies with the
// process is free when its lease ends.
//
// A claim only saves work. A process that was paused for longer than its lease
// goes on when it wakes, as if it still had the claim; its commit is refused,
// since the other's came first, and what it staged is dropped. What is sent
// twice is the same event twice.
type claims struct {
	bot    *Bot
	store  Claimer // nil: everybody is ours
	holder string
	lease  time.Duration
	beat   time.Duration // how long an idle claim is kept, and the longest wait for another's

	mu   sync.Mutex
	held map[PubKey]*claim
	wg   sync.WaitGroup
}

// claim is one that we have, or ask for.
type claim struct {
	until time.Time     // by our clock, from before we asked; zero when another has it
	users int           // a mailbox, a sender
	idle  time.Time     // since when there are none
	given chan struct{} // set while it is being given back; closed after that
}

const (
	// A claim is prolonged when a third of its lease is over, and is not relied
	// on in the last third.
	claimThird = 3
	// firstLook is how long one who is refused waits before looking whether
	// the other did the work: longer than most handlers take.
	firstLook = 20 * time.Millisecond
	minLease  = 100 * time.Millisecond
)

func (c *claims) init(b *Bot) {
	c.bot, c.holder, c.held = b, rand.Text(), map[PubKey]*claim{}
	c.lease, c.beat = b.cfg.Lease, min(b.cfg.Lease/10, time.Second)
	c.store, _ = b.store.(Claimer)
}

// run looks after the claims, and after the parcels of who died, until ctx
// ends.
func (c *claims) run(ctx context.Context) {
	if c.store == nil {
		return
	}
	c.wg.Go(func() {
		tick := time.NewTicker(c.beat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.tend(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	c.wg.Go(func() { // what a process left behind that is dead by now
		for ctx.Err() == nil {
			c.bot.sleep(ctx, c.lease)
			c.bot.outbox.fetch(ctx)
		}
	})
}

// take claims a customer; zero means that the customer is ours until put.
// Else another process is at work, for wait at most.
func (c *claims) take(ctx context.Context, customer PubKey) (wait time.Duration, err error) {
	if c.store == nil {
		return 0, nil
	}
	cl, err := c.use(ctx, customer)
	if err != nil || cl == nil {
		return 0, err
	}
	until := time.Now().Add(c.lease)
	wait, err = c.store.Claim(ctx, customer, c.holder, c.lease)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil && wait == 0:
		cl.until = until
		return 0, nil
	case err == nil:
		cl.until = time.Time{}
	}
	if cl.users--; cl.users == 0 && cl.until.IsZero() {
		delete(c.held, customer)
	}
	return wait, err
}

// use counts a use of a customer's claim. It returns nil when the claim is
// ours for long enough, else what the Store is to be asked for.
func (c *claims) use(ctx context.Context, customer PubKey) (*claim, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl := c.held[customer]
	for cl != nil && cl.given != nil { // or our own giving back would undo the new claim
		c.mu.Unlock()
		select {
		case <-cl.given:
		case <-ctx.Done():
		}
		c.mu.Lock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		cl = c.held[customer]
	}
	if cl == nil {
		cl = &claim{}
		c.held[customer] = cl
	}
	cl.users++
	if time.Until(cl.until) > c.lease/claimThird {
		return nil, nil
	}
	return cl, nil
}

// put says that a use that take granted is over.
func (c *claims) put(customer PubKey) {
	if c.store == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cl := c.held[customer]
	cl.users--
	cl.idle = time.Now()
}

// tend prolongs the claims in use and gives back those that are idle.
func (c *claims) tend(ctx context.Context) {
	now := time.Now()
	prolong, idle := map[PubKey]*claim{}, map[PubKey]*claim{}
	c.mu.Lock()
	for customer, cl := range c.held {
		switch {
		case cl.users > 0 && !cl.until.IsZero() && cl.until.Sub(now) < c.lease-c.lease/claimThird:
			prolong[customer] = cl
		case cl.users == 0 && now.Sub(cl.idle) >= c.beat:
			cl.given = make(chan struct{})
			idle[customer] = cl
		}
	}
	c.mu.Unlock()
	for customer, cl := range prolong {
		c.prolong(ctx, customer, cl)
	}
	for customer, cl := range idle {
		c.giveBack(ctx, customer, cl)
	}
}

func (c *claims) prolong(ctx context.Context, customer PubKey, cl *claim) {
	until := time.Now().Add(c.lease)
	wait, err := c.store.Claim(ctx, customer, c.holder, c.lease)
	switch {
	case err != nil:
		if ctx.Err() == nil {
			c.bot.log.Warn("claim could not be prolonged", "customer", customer, "err", err)
		}
		return
	case wait > 0: // the work goes on, and Commit refuses what the other did
		c.bot.log.Warn("claim was lost: another process works for the customer", "customer", customer)
		until = time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cl.until = until
}

func (c *claims) giveBack(ctx context.Context, customer PubKey, cl *claim) {
	if err := c.store.Release(ctx, customer, c.holder); err != nil && ctx.Err() == nil {
		c.bot.log.Warn("claim could not be given back; it ends by itself", "customer", customer, "err", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	close(cl.given)
	delete(c.held, customer)
}

// close gives back what is held, after the work has ended. What cannot be given
// back in the time there is ends by itself.
func (c *claims) close(patience time.Duration) {
	c.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for customer, cl := range c.held {
		if ctx.Err() != nil {
			return
		}
		cl.given = make(chan struct{})
		c.giveBack(ctx, customer, cl)
	}
}

// turn is a turn of the bot for a customer who is ours. Who is another's is
// waited for, at the price of two short questions now and then: until the other
// has handled the message (ErrDone), or the customer is ours, or the bot stops
// (ErrStopping).
func (c *claims) turn(customer PubKey, l letter, giveUp bool) error {
	ctx := c.bot.serving
	for pause := firstLook; ; pause = min(2*pause, c.beat) {
		wait, err := c.take(ctx, customer)
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		if wait == 0 {
			defer c.put(customer)
			return c.bot.turn(customer, l, giveUp)
		}
		if c.bot.pauseMailbox(min(wait, pause)); c.bot.stopping() {
			return ErrStopping
		}
		conv, err := c.bot.store.Load(ctx, customer, c.bot.now(), l.id)
		if err != nil {
			return fmt.Errorf("load conversation: %w", err)
		}
		if len(conv.Done) > 0 {
			return ErrDone
		}
	}
}

// pauseMailbox lets a mailbox wait without its slot, by the machine's clock, as
// leases do.
func (b *Bot) pauseMailbox(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	b.boxes.idle(func() {
		select {
		case <-timer.C:
		case <-b.intake.stop:
		}
	})
}

// stopping tells whether intake has ended.
func (b *Bot) stopping() bool {
	select {
	case <-b.intake.stop:
		return true
	default:
		return false
	}
}

// send is a round of a sender for a customer who is ours. For whom is another's
// it returns how long to wait before asking again.
func (c *claims) send(ctx context.Context, customer PubKey, round func() (wait time.Duration, left bool)) (wait time.Duration, left bool) {
	wait, err := c.take(ctx, customer)
	switch {
	case err != nil:
		if !errors.Is(err, context.Canceled) {
			c.bot.log.Error("outbox: claim", "customer", customer, "err", err)
		}
		return resendMin, false
	case wait > 0:
		return min(wait, c.beat), false
	}
	defer c.put(customer)
	return round()
}
