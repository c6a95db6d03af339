package payments

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	workers    = 8
	lookWithin = 15 * time.Second
	tellWithin = 30 * time.Second
	tellClaim  = tellWithin + 10*time.Second
	stopWithin = 10 * time.Second
	rescan     = time.Minute
	maxBackoff = time.Minute
)

// Run looks charges up and tells their changes until ctx ends; then what is
// under way has ten seconds to finish. It returns nil after that, and an error
// only when it cannot begin: without a handler, or when this till runs already.
// Storage and wallet may fail at any time, also at the start: it waits for them.
func (t *Till) Run(ctx context.Context) error {
	if err := t.begin(); err != nil {
		return err
	}
	defer t.end()
	// Work outlives ctx: it is not to be torn between a payment and what
	// follows from it.
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var helpers, jobs sync.WaitGroup
	helpers.Go(func() { t.scan(ctx) })
	if w, ok := t.wallet.(Watcher); ok {
		helpers.Go(func() { t.watch(ctx, w) })
	}
	slots := make(chan struct{}, workers)
	for ctx.Err() == nil {
		k, wait := t.take(t.now())
		if k == nil {
			select {
			case <-t.wake:
			case <-t.options.Clock.After(wait):
			case <-ctx.Done():
			}
			continue
		}
		select {
		case slots <- struct{}{}:
			jobs.Go(func() {
				defer func() { <-slots }()
				t.work(work, k)
			})
		case <-ctx.Done():
			t.back(k, k.due, k.look, false)
		}
	}
	helpers.Wait()
	idle := make(chan struct{})
	go func() { jobs.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-t.options.Clock.After(stopWithin):
		cut()
		<-idle
	}
	return nil
}

func (t *Till) begin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.handler == nil:
		return errors.New("payments: Till.Run: register a handler with OnChange first")
	case t.running:
		return errors.New("payments: Till.Run: this till runs already")
	}
	t.running = true
	return nil
}

func (t *Till) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = false
}

// work does what is due for one charge.
func (t *Till) work(ctx context.Context, k *task) {
	next, err := t.step(ctx, k)
	now := t.now()
	if err != nil {
		k.failures++
		if k.failures&(k.failures-1) == 0 { // the first, and then more and more rarely
			t.options.Logger.WarnContext(ctx, "a charge is tried again", "key", k.key, "failures", k.failures, "err", err)
		}
		t.back(k, now.Add(backoff(k.failures)), k.look, false)
		return
	}
	k.failures = 0
	t.back(k, next, next, next.IsZero())
}

func backoff(failures int) time.Duration {
	return min(time.Second<<min(failures-1, 10), maxBackoff)
}

// step tells what is to be told, looks up, and tells again. It says when to
// come back, zero for never.
func (t *Till) step(ctx context.Context, k *task) (next time.Time, err error) {
	for {
		r, rev, err := t.load(ctx, k.key)
		switch {
		case err != nil:
			return time.Time{}, err
		case r == nil: // indexed, and never begun
			return time.Time{}, nil
		case len(r.Changes) > 0:
			if wait, err := t.tell(ctx, r, rev); err != nil || !wait.IsZero() {
				return wait, err
			}
			continue
		case r.Closed || r.Invoice == nil: // the one is over, the other was shown to nobody
			return time.Time{}, nil
		}
		now := t.now()
		if now.Before(k.look) {
			return k.look, nil
		}
		changed, err := t.lookUp(ctx, r)
		if err != nil {
			return time.Time{}, err
		}
		now = t.now()
		r.Closed = r.over(now, t.options.LateFor)
		if changed || r.Closed {
			ok, err := t.save(ctx, r, rev)
			if err != nil {
				return time.Time{}, err
			}
			if !ok {
				continue // look again: what was seen may be older than what is there
			}
		}
		k.look = now.Add(lookEvery(now, r))
		if len(r.Changes) == 0 {
			if r.Closed {
				return time.Time{}, nil
			}
			return k.look, nil
		}
	}
}

// lookUp asks the wallet, and enters what it says.
func (t *Till) lookUp(ctx context.Context, r *tillRecord) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	before, count := *r.Invoice, r.Count
	inv, err := t.wallet.LookupInvoice(ctx, r.Invoice.ID)
	if err != nil {
		return false, fmt.Errorf("look up charge %s: %w", r.Key, err)
	}
	if err := r.observe(inv); err != nil {
		// Not repeated sooner: an operator must see to it.
		t.options.Logger.ErrorContext(ctx, "the wallet's answer is not believed", "key", r.Key, "err", err)
	}
	for i := range r.Others {
		if inv, err = t.wallet.LookupInvoice(ctx, r.Others[i].ID); err != nil {
			return false, fmt.Errorf("look up another invoice of charge %s: %w", r.Key, err)
		}
		r.observeOther(i, inv)
	}
	return r.Count != count || r.Invoice.Status != before.Status, nil
}

// over tells whether nothing more is expected.
func (r *tillRecord) over(now time.Time, lateFor time.Duration) bool {
	switch r.Invoice.Status {
	case Settled:
		return !now.Before(r.Invoice.SettledAt.Add(lateFor)) && !now.Before(r.MadeAt.Add(lateFor))
	case Expired, Invalid:
		return !now.Before(r.Invoice.ExpiresAt.Add(lateFor)) && !now.Before(r.MadeAt.Add(lateFor))
	default:
		return false
	}
}

// lookEvery is how long to wait for the next look-up: the longer an invoice has
// been as it is, the longer.
func lookEvery(now time.Time, r *tillRecord) time.Duration {
	inv := r.Invoice
	switch inv.Status {
	case Settled:
		return clamp(now.Sub(inv.SettledAt), time.Minute, 6*time.Hour)
	case Expired, Invalid:
		return clamp(now.Sub(inv.ExpiresAt)/4, 10*time.Second, time.Hour)
	default:
		every := clamp(now.Sub(r.MadeAt)/8, 2*time.Second, time.Minute)
		if end := inv.ExpiresAt.Sub(now); end > 0 { // its end is looked at in time
			every = min(every, end+time.Second)
		}
		return every
	}
}

func clamp(d, least, most time.Duration) time.Duration { return min(max(d, least), most) }
