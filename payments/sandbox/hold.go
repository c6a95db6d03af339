package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/payments"
)

const (
	// DefaultHold is how long a hold invoice can be held when its charge does
	// not say.
	DefaultHold = 24 * time.Hour
	// MaxHold is the longest.
	MaxHold = 3 * 24 * time.Hour

	block = 10 * time.Minute
)

// CreateHold implements payments.Holder. The invoice is like an ordinary one,
// and there is one of either kind under a Key; how long it can be held is
// rounded up to blocks of ten minutes, and at most [MaxHold].
func (w *Wallet) CreateHold(ctx context.Context, c payments.HoldCharge) (payments.Invoice, error) {
	const op = "create hold invoice"
	if c.For == 0 {
		c.For = DefaultHold
	}
	if err := c.Validate(); err != nil {
		return payments.Invoice{}, refused(op, payments.ErrInvalid, err)
	}
	if c.For > MaxHold {
		return payments.Invoice{}, refused(op, payments.ErrInvalid, fmt.Errorf("for: want at most %v, got %v", MaxHold, c.For))
	}
	blocks := int64((c.For + block - 1) / block)
	record, err := w.sign(c.Charge, c.Hash, uint32(blocks))
	if err != nil {
		return payments.Invoice{}, refused(op, payments.ErrInvalid, err)
	}
	record.For = time.Duration(blocks) * block

	// The key first: of two hashes under one key, one is the first.
	mark := invoiceRecord{Wallet: w.name, Key: c.Key, Amount: c.Amount, Hold: c.Hash}
	taken, err := w.claim(ctx, invoiceName(payments.Preimage(w.derive("preimage", c.Key)).Hash()), mark)
	if err != nil {
		return payments.Invoice{}, unknown(op, err)
	}
	if taken != mark {
		return payments.Invoice{}, refused(op, payments.ErrConflict, errors.New("another invoice was made under this key"))
	}
	made, err := w.claim(ctx, invoiceName(c.Hash), record)
	if err != nil {
		return payments.Invoice{}, unknown(op, err)
	}
	if made.Wallet != w.name || made.Key != c.Key {
		return payments.Invoice{}, refused(op, payments.ErrConflict, errors.New("the hash is taken by another invoice"))
	}
	return w.invoice(ctx, op, c.Hash, made)
}

// claim writes a record, or reads the one of whoever was first.
func (w *Wallet) claim(ctx context.Context, name string, r invoiceRecord) (invoiceRecord, error) {
	made, err := w.network.records.create(ctx, name, r)
	if err == nil && !made {
		r = invoiceRecord{}
		_, err = w.network.records.read(ctx, name, &r)
	}
	return r, err
}

// SettleHold implements payments.Holder.
func (w *Wallet) SettleHold(ctx context.Context, p payments.Preimage) error {
	return w.end(ctx, "settle", p.Hash(), paymentRecord{Act: settled, Preimage: secret(p)})
}

// CancelHold implements payments.Holder. A hold that reaches its deadline is
// cancelled without it.
func (w *Wallet) CancelHold(ctx context.Context, h payments.Hash) error {
	return w.end(ctx, "cancel", h, paymentRecord{Act: cancelled})
}

// end appends the last entry of a hold.
func (w *Wallet) end(ctx context.Context, op string, h payments.Hash, last paymentRecord) error {
	record, err := w.own(ctx, op, h)
	switch {
	case err != nil:
		return err
	case record.For == 0:
		return refused(op, payments.ErrNotFound, errors.New("it is no hold invoice"))
	}
	for {
		v, err := w.network.journal.look(ctx, h, w.name)
		switch p := v.payment; {
		case err != nil:
			return refused(op, payments.ErrUnavailable, err)
		case p == nil && last.Act == settled:
			return refused(op, payments.ErrRejected, errors.New("it is not paid"))
		case p == nil:
			last.Hash, last.To = h, w.name
		case p.Act == last.Act:
			return nil
		case p.Act != held:
			return refused(op, payments.ErrRejected, fmt.Errorf("it is %s already", p.Act))
		default:
			last.Hash, last.From, last.To, last.Amount = h, p.From, p.To, p.Amount
		}
		last.PaidAt = w.network.options.Now().UTC()
		added, err := w.network.journal.add(ctx, v, last)
		if err != nil {
			return unknown(op, err)
		}
		if added {
			return nil
		}
	}
}
