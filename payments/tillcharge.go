package payments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// createWithin bounds one call that creates; a claim outlives it.
	createWithin = 30 * time.Second
	claimFor     = 45 * time.Second
	// claimPoll is how often another's claim is read again.
	claimPoll = 200 * time.Millisecond
)

// Charge returns the one invoice of c.Key: the one shown before, as it was last
// seen, else a new one. That it is to be made is durable before the wallet is
// asked, and that it was made before it is returned, so that asking again is
// safe after any error: two processes that charge one key at once, or a lost
// answer, never lead to two invoices that somebody sees.
//
// A key that was charged another amount is [ErrConflict]. Errors are *[Error].
func (t *Till) Charge(ctx context.Context, c Charge) (Invoice, error) {
	if err := c.Validate(); err != nil {
		return Invoice{}, chargeError(ErrInvalid, NotApplied, err)
	}
	return t.charge(ctx, c, Hash{}, func(ctx context.Context) (Invoice, error) { return t.wallet.CreateInvoice(ctx, c) })
}

// ChargeHold is [Till.Charge] with a hold invoice, for a wallet that is a
// [Holder]; others get [ErrUnsupported]. OnHold is told when it is paid; settle
// or cancel with the wallet itself.
func (t *Till) ChargeHold(ctx context.Context, c HoldCharge) (Invoice, error) {
	holder, ok := t.wallet.(Holder)
	if !ok {
		return Invoice{}, chargeError(ErrUnsupported, NotApplied, nil)
	}
	if err := c.Validate(); err != nil {
		return Invoice{}, chargeError(ErrInvalid, NotApplied, err)
	}
	return t.charge(ctx, c.Charge, c.Hash, func(ctx context.Context) (Invoice, error) { return holder.CreateHold(ctx, c) })
}

func (t *Till) charge(ctx context.Context, c Charge, hash Hash, create func(context.Context) (Invoice, error)) (Invoice, error) {
	unlock, err := t.keys.Lock(ctx, c.Key)
	if err != nil {
		return Invoice{}, chargeError(ErrUnavailable, NotApplied, err)
	}
	defer unlock()
	for {
		r, rev, err := t.load(ctx, c.Key)
		if err != nil {
			return Invoice{}, chargeError(ErrUnavailable, NotApplied, err)
		}
		now := t.now()
		first := r == nil
		switch {
		case first:
			r = &tillRecord{Version: recordVersion, Key: c.Key, Amount: c.Amount, Hash: hash, MadeAt: now.UTC()}
		case r.Amount != c.Amount || r.Hash != hash:
			return Invoice{}, chargeError(ErrConflict, NotApplied, fmt.Errorf("the key was charged %v before", r.Amount))
		case r.Invoice != nil:
			t.soon(c.Key, now.Add(lookEvery(now, r)))
			return *r.Invoice, nil
		case r.Claim.heldByOther(t.owner, now):
			if err := t.sleep(ctx, claimPoll); err != nil {
				return Invoice{}, chargeError(ErrUnavailable, NotApplied, err)
			}
			continue
		}
		r.Claim, r.Day = claim{t.owner, now.Add(claimFor).UTC()}, day(now)
		if err := t.index(ctx, r.Day, r.Key); err != nil {
			return Invoice{}, chargeError(ErrUnavailable, NotApplied, err)
		}
		ok, err := t.save(ctx, r, rev)
		if err != nil {
			return Invoice{}, chargeError(ErrUnavailable, NotApplied, err)
		}
		if !ok {
			continue // somebody else was first: see what they did
		}
		inv, done, err := t.obtain(ctx, r, rev+1, first, create)
		if err != nil || done {
			return inv, err
		}
	}
}

// obtain gets the invoice from the wallet under this till's claim, and enters
// it; done is false when the record has changed meanwhile.
func (t *Till) obtain(ctx context.Context, r *tillRecord, rev int64, first bool, create func(context.Context) (Invoice, error)) (inv Invoice, done bool, err error) {
	work, cancel := context.WithTimeout(ctx, createWithin)
	defer cancel()
	var others []Invoice
	if !first {
		// It was begun before, and nobody knows how far it came.
		if inv, others, err = t.adopt(work, r); err != nil {
			return Invoice{}, false, t.release(ctx, r, rev, err)
		}
	}
	if inv.ID == "" {
		if inv, err = create(work); err != nil {
			return Invoice{}, false, t.release(ctx, r, rev, err)
		}
	}
	if err := r.check(inv); err != nil {
		err = chargeError(ErrRejected, Applied, fmt.Errorf("the wallet made an unusable invoice: %w", err))
		return Invoice{}, false, t.release(ctx, r, rev, err)
	}
	inv.Key = r.Key
	// The invoice exists: to enter it must not fail because the caller left.
	ctx = context.WithoutCancel(ctx)
	if err := t.name(ctx, inv.ID, r.Key); err != nil {
		return Invoice{}, false, chargeError(ErrUnavailable, OutcomeUnknown, err)
	}
	r.Invoice, r.Others, r.Claim = &inv, others, claim{}
	ok, err := t.save(ctx, r, rev)
	if err != nil {
		return Invoice{}, false, chargeError(ErrUnavailable, OutcomeUnknown, err)
	}
	if ok {
		t.soon(r.Key, t.now().Add(lookEvery(t.now(), r)))
	}
	return inv, ok, nil
}

// adopt finds what was made under the key before: the oldest that fits, and the
// others.
func (t *Till) adopt(ctx context.Context, r *tillRecord) (inv Invoice, others []Invoice, err error) {
	finder, ok := t.wallet.(Finder)
	if !ok {
		return Invoice{}, nil, nil
	}
	found, err := finder.FindInvoices(ctx, r.Key)
	if errors.Is(err, ErrUnsupported) {
		return Invoice{}, nil, nil
	}
	if err != nil {
		return Invoice{}, nil, err
	}
	fits := slices.IndexFunc(found, func(i Invoice) bool { return r.check(i) == nil })
	if fits < 0 {
		return Invoice{}, nil, nil
	}
	others = slices.Delete(slices.Clone(found), fits, fits+1)
	others = slices.DeleteFunc(others, func(i Invoice) bool { return checkID(i.ID) != nil })
	for i := range others { // what came to them is to be told
		others[i].Received = 0
	}
	return found[fits], others[:min(len(others), 8)], nil
}

// check tells whether an invoice is the one that the record asks for.
func (r *tillRecord) check(inv Invoice) error {
	switch err := checkID(inv.ID); {
	case err != nil:
		return err
	case inv.Bolt11 == "":
		return errors.New("it has no payment request")
	case inv.Amount != r.Amount:
		return fmt.Errorf("it asks %v, not %v", inv.Amount, r.Amount)
	case inv.Key != "" && inv.Key != r.Key:
		return errors.New("it is of another key")
	case !r.Hash.IsZero() && inv.Hash != r.Hash:
		return errors.New("it is of another hash")
	}
	return nil
}

// name lets notices find the charge by the invoice's ID. One invoice serves one
// key.
func (t *Till) name(ctx context.Context, id, key string) error {
	if _, err := t.kv.Put(ctx, t.idName(id), []byte(key), 0); err != nil {
		return fmt.Errorf("index the invoice of charge %s: %w", key, err)
	}
	named, _, err := t.kv.Get(ctx, t.idName(id))
	if err != nil {
		return fmt.Errorf("index the invoice of charge %s: %w", key, err)
	}
	if string(named) != key {
		return fmt.Errorf("the wallet gave one invoice to charges %s and %s", named, key)
	}
	return nil
}

// release ends a claim after a failure, so that others need not wait for it,
// and returns why.
func (t *Till) release(ctx context.Context, r *tillRecord, rev int64, why error) error {
	r.Claim = claim{}
	if _, err := t.save(context.WithoutCancel(ctx), r, rev); err != nil {
		t.options.Logger.WarnContext(ctx, "a claim on a charge stays for a while", "key", r.Key, "err", err)
	}
	return why
}

func (t *Till) sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-t.options.Clock.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func chargeError(kind error, o Outcome, cause error) error {
	return &Error{Provider: "till", Op: "charge", Kind: kind, Outcome: o, Err: cause}
}
