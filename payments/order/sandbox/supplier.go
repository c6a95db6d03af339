// Package sandbox is a supplier that delivers nothing, for demos and tests. It
// keeps its purchases durably, so that it behaves under crashes as a real one
// would, and can be told to fail.
package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dmshop/dmshop/payments"
)

// Faults are the ways in which the supplier can be made to fail. The zero
// value is a supplier that delivers at once.
type Faults struct {
	// Refuse makes every Commit end in payments.Failed: nothing delivered,
	// no money kept.
	Refuse bool
	// LoseAnswer, when set, is asked after each Commit took effect; true
	// loses the answer, so that the caller cannot know.
	LoseAnswer func(ref string) bool
}

// Supplier is a pretend supplier; it implements [payments.Supplier]. It is
// safe for concurrent use, also by several processes that share its KV.
type Supplier struct {
	kv     payments.KV
	faults Faults
}

// New makes a supplier that keeps its purchases in kv, under names that begin
// with "supplier/".
func New(kv payments.KV, faults Faults) *Supplier { return &Supplier{kv, faults} }

// entry is what is stored. The recipient is not: nothing is sent to them.
type entry struct {
	Item  string              `json:"item"` // digest, to tell a repeat from another order
	State payments.Fulfilment `json:"state"`
	// Deliveries counts what reached the phone: never more than one.
	Deliveries int    `json:"deliveries"`
	Reason     string `json:"reason,omitempty"`
}

const prefix = "supplier/"

// Prepare implements [payments.Supplier]; the reference is the key.
func (s *Supplier) Prepare(ctx context.Context, key string, item payments.Item) (payments.Purchase, error) {
	if key == "" || item.SKU == "" || item.Value == "" || item.Recipient == "" {
		return payments.Purchase{}, fail("prepare", payments.ErrInvalid, payments.NotApplied,
			errors.New("key, SKU, value and recipient are required"))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", item.SKU, item.Value, item.Recipient))
	want := entry{Item: hex.EncodeToString(sum[:]), State: payments.Prepared}
	for {
		have, rev, err := s.load(ctx, "prepare", key)
		if err != nil {
			return payments.Purchase{}, err
		}
		if rev > 0 {
			if have.Item != want.Item {
				return payments.Purchase{}, fail("prepare", payments.ErrConflict, payments.NotApplied,
					errors.New("this key ordered something else before"))
			}
			return have.purchase(key), nil
		}
		if ok, err := s.save(ctx, "prepare", key, want, 0); err != nil {
			return payments.Purchase{}, err
		} else if ok {
			return want.purchase(key), nil
		}
	}
}

// Commit implements [payments.Supplier].
func (s *Supplier) Commit(ctx context.Context, ref string) (payments.Purchase, error) {
	for {
		e, rev, err := s.find(ctx, "commit", ref)
		if err != nil {
			return payments.Purchase{}, err
		}
		if e.State != payments.Prepared {
			return e.purchase(ref), nil // bought before: once is enough
		}
		if s.faults.Refuse {
			e.State, e.Reason = payments.Failed, "the operator refused the number"
		} else {
			e.State, e.Deliveries = payments.Delivered, e.Deliveries+1
		}
		ok, err := s.save(ctx, "commit", ref, e, rev)
		if err != nil {
			return payments.Purchase{}, err
		}
		if !ok {
			continue
		}
		if s.faults.LoseAnswer != nil && s.faults.LoseAnswer(ref) {
			return payments.Purchase{}, fail("commit", payments.ErrUnavailable, payments.OutcomeUnknown, errors.New("the answer was lost"))
		}
		return e.purchase(ref), nil
	}
}

// Lookup implements [payments.Supplier].
func (s *Supplier) Lookup(ctx context.Context, ref string) (payments.Purchase, error) {
	e, _, err := s.find(ctx, "look up", ref)
	if err != nil {
		return payments.Purchase{}, err
	}
	return e.purchase(ref), nil
}

// Deliveries tells how often the reference was delivered: for tests, which
// want it never to be more than one.
func (s *Supplier) Deliveries(ctx context.Context, ref string) (int, error) {
	e, _, err := s.load(ctx, "count deliveries", ref)
	return e.Deliveries, err
}

func (e entry) purchase(ref string) payments.Purchase {
	return payments.Purchase{Ref: ref, State: e.State, Reason: e.Reason}
}

func (s *Supplier) find(ctx context.Context, op, ref string) (entry, int64, error) {
	e, rev, err := s.load(ctx, op, ref)
	if err == nil && rev == 0 {
		err = fail(op, payments.ErrNotFound, payments.NotApplied, nil)
	}
	return e, rev, err
}

func (s *Supplier) load(ctx context.Context, op, ref string) (e entry, rev int64, err error) {
	raw, rev, err := s.kv.Get(ctx, prefix+ref)
	if err == nil && rev > 0 {
		err = json.Unmarshal(raw, &e)
	}
	if err != nil {
		err = fail(op, payments.ErrUnavailable, payments.NotApplied, err)
	}
	return e, rev, err
}

func (s *Supplier) save(ctx context.Context, op, ref string, e entry, rev int64) (bool, error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return false, fail(op, payments.ErrInvalid, payments.NotApplied, err)
	}
	ok, err := s.kv.Put(ctx, prefix+ref, raw, rev)
	if err != nil {
		err = fail(op, payments.ErrUnavailable, payments.OutcomeUnknown, err)
	}
	return ok, err
}

func fail(op string, kind error, outcome payments.Outcome, err error) error {
	return &payments.Error{Op: op, Provider: "sandbox supplier", Kind: kind, Outcome: outcome, Err: err}
}
