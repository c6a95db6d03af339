package payments

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// tell calls the handler for the record's first change, under a claim that
// keeps other tills from doing so, and takes the change away. When another till
// is telling it, wait says until when.
func (t *Till) tell(ctx context.Context, r *tillRecord, rev int64) (wait time.Time, err error) {
	now := t.now()
	if r.Claim.heldByOther(t.owner, now) {
		return r.Claim.Until, nil
	}
	r.Claim = claim{t.owner, now.Add(tellClaim).UTC()}
	if ok, err := t.save(ctx, r, rev); err != nil || !ok {
		return time.Time{}, err // not ok: somebody else was first, come again
	}
	change := r.Changes[0]
	if err := t.call(ctx, change); err != nil {
		return time.Time{}, fmt.Errorf("tell %s of charge %s: %w", change.Event, change.Key, err)
	}
	// It was told: to note that must not fail because the till is stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	for {
		r, rev, err := t.load(ctx, change.Key)
		if err != nil {
			return time.Time{}, err
		}
		if r == nil || !r.dequeue(change.ID) {
			return time.Time{}, nil
		}
		r.Claim = claim{}
		if ok, err := t.save(ctx, r, rev); ok || err != nil {
			return time.Time{}, err
		}
	}
}

// call runs the handler. A panic of its is an error.
func (t *Till) call(ctx context.Context, c Change) (err error) {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return t.handler(ctx, c)
}
