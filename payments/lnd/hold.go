package lnd

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/dmshop/dmshop/payments"
)

const (
	// minCLTV and maxCLTV bound the blocks between the arrival of a payment
	// and its end (lnd's routing.MinCLTVDelta; two weeks, past which lnd's
	// own payers do not go).
	minCLTV = 18
	maxCLTV = 2016 - 80
	// MaxHold is the longest HoldCharge.For.
	MaxHold = (maxCLTV - holdExpiryDelta) * fastBlock
)

// CreateHold implements payments.Holder. For is counted with blocks twice as
// fast as they should be, at most [MaxHold]; zero is lnd's default of 80
// blocks, less 12.
//
// lnd knows a hold by its hash alone. That Key and Hash belong together is
// written down in lnd itself: see [Wallet.claim].
func (w *Wallet) CreateHold(ctx context.Context, c payments.HoldCharge) (payments.Invoice, error) {
	const op = "create hold invoice"
	if err := c.Validate(); err != nil {
		return payments.Invoice{}, refused(op, payments.ErrInvalid, err)
	}
	request, err := w.request(c.Charge)
	if err != nil {
		return payments.Invoice{}, refused(op, payments.ErrInvalid, err)
	}
	if c.For > MaxHold {
		return payments.Invoice{}, refused(op, payments.ErrInvalid, fmt.Errorf("for: want at most %v, got %v", MaxHold, c.For))
	}
	if c.For > 0 {
		request.CLTV = number(max(minCLTV, int64((c.For+fastBlock-1)/fastBlock)+holdExpiryDelta))
	}
	// The hash first: a hash that belongs to another key leaves no trace
	// under this one.
	if err := w.claim(ctx, op, w.secrets().preimage.ofHold(c.Hash), c.Key); err != nil {
		return payments.Invoice{}, err
	}
	if err := w.claim(ctx, op, w.secrets().preimage.preimage(c.Key), c.Hash.String()); err != nil {
		return payments.Invoice{}, err
	}
	request.Hash = base64.StdEncoding.EncodeToString(c.Hash[:])
	return w.create(ctx, op, "/v2/invoices/hodl", request, c.Hash)
}

// claim writes a text into lnd under a name that nobody else can make, once
// and for all: as the memo of an invoice without an amount, which nobody gets
// to see, and which expires at once. Another text there before is ErrConflict.
// A key's name is the one that a plain invoice of the key would have, so that
// a key is either or.
func (w *Wallet) claim(ctx context.Context, op string, name payments.Preimage, text string) error {
	_, err := w.call(ctx, "/v1/invoices", invoiceRequest{
		Preimage: base64.StdEncoding.EncodeToString(name[:]), Memo: text, Expiry: 1,
	})
	if err == nil {
		return nil
	}
	var reply *replyError
	if errors.As(err, &reply) && reply.beforeHandler() {
		return failed(op, err, payments.NotApplied)
	}
	_, m, looked := w.lookUp(ctx, op, name.Hash())
	switch {
	case looked == nil && m.claims(text):
		return nil
	case looked == nil:
		return refused(op, payments.ErrConflict, errors.New("the key or the hash stands for another invoice"))
	}
	// No hold was made, whatever became of the claim: it can be made again.
	return failed(op, err, payments.NotApplied)
}

// claims tells a claim with that text.
func (m invoiceMessage) claims(text string) bool { return m.Value == 0 && m.Memo == text }

// SettleHold implements payments.Holder.
func (w *Wallet) SettleHold(ctx context.Context, p payments.Preimage) error {
	in := map[string]string{"preimage": base64.StdEncoding.EncodeToString(p[:])}
	return w.resolve(ctx, "settle hold invoice", "/v2/invoices/settle", in, p.Hash(), "SETTLED")
}

// CancelHold implements payments.Holder.
func (w *Wallet) CancelHold(ctx context.Context, h payments.Hash) error {
	in := map[string]string{"payment_hash": base64.StdEncoding.EncodeToString(h[:])}
	return w.resolve(ctx, "cancel hold invoice", "/v2/invoices/cancel", in, h, "CANCELED")
}

// resolve brings a hold to its end; lnd's word by the hash decides on what
// became of a call that failed.
func (w *Wallet) resolve(ctx context.Context, op, path string, in any, hash payments.Hash, want string) error {
	_, err := w.call(ctx, path, in)
	if err == nil {
		return nil
	}
	var reply *replyError
	if errors.As(err, &reply) && reply.beforeHandler() {
		return failed(op, err, payments.NotApplied)
	}
	_, m, looked := w.lookUp(ctx, op, hash)
	switch {
	case errors.Is(looked, payments.ErrNotFound):
		return refused(op, payments.ErrNotFound, err)
	case looked != nil:
		return failed(op, err, payments.OutcomeUnknown)
	case m.State == want:
		return nil
	case reply == nil || !reply.final():
		return failed(op, err, payments.OutcomeUnknown)
	}
	return refused(op, payments.ErrRejected, err)
}

// settles tells an invoice that settles by itself from a hold: lnd shows the
// preimage of the one, and knows that of the other only when it is settled.
func (m invoiceMessage) settles() bool { return len(m.Preimage) > 0 }
