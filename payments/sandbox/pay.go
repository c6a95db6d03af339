package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// Pay implements payments.Payer: it is the one act that settles an invoice. It
// costs no fee, and ends at once: in success, pending where the invoice is a
// hold invoice, or in an error:
//
//   - ErrInvalid: no invoice, another amount than r says, or one's own invoice;
//   - ErrNetwork: not a regtest invoice;
//   - ErrNoRoute: no wallet of this network made it;
//   - ErrRejected: another invoice than the payee's of that hash, or one that
//     the payee cancelled;
//   - ErrAlreadyPaid: another wallet paid it;
//   - ErrExpired, ErrFunds;
//   - ErrUnavailable: the KV failed.
//
// All of them are NotApplied, save an ErrUnavailable whose outcome is unknown:
// the payment may stand in the journal, and LookupPayment tells. Paying again
// what this wallet paid returns that payment, also when it has expired since.
func (w *Wallet) Pay(ctx context.Context, r payments.PayRequest) (payments.Payment, error) {
	const op = "pay"
	fail := func(kind, cause error) (payments.Payment, error) { return payments.Payment{}, refused(op, kind, cause) }

	inv, err := bolt11.Decode(r.Bolt11, bolt11.Regtest)
	switch {
	case errors.Is(err, bolt11.ErrNetwork):
		return fail(payments.ErrNetwork, err)
	case err != nil:
		return fail(payments.ErrInvalid, err)
	case r.Amount <= 0 || int64(r.Amount) != inv.AmountMsat:
		return fail(payments.ErrInvalid, fmt.Errorf("the invoice asks %v, not %v", payments.Msat(inv.AmountMsat), r.Amount))
	case r.MaxFee < 0:
		return fail(payments.ErrInvalid, fmt.Errorf("highest fee: %v", r.MaxFee))
	case inv.Payee == w.payee:
		return fail(payments.ErrInvalid, errors.New("it is this wallet's own invoice"))
	}
	hash := payments.Hash(inv.Hash)
	var record invoiceRecord
	found, err := w.network.records.read(ctx, invoiceName(hash), &record)
	switch {
	case err != nil:
		return fail(payments.ErrUnavailable, err)
	case !found:
		return fail(payments.ErrNoRoute, nil)
	case !strings.EqualFold(record.Bolt11, r.Bolt11):
		return fail(payments.ErrRejected, errors.New("the payee made another invoice of this hash"))
	}
	for {
		v, err := w.network.journal.look(ctx, hash, w.name)
		now := w.network.options.Now()
		switch {
		case err != nil:
			return fail(payments.ErrUnavailable, err)
		case v.payment != nil && v.payment.Act == cancelled:
			return fail(payments.ErrRejected, errors.New("the payee cancelled the invoice"))
		case v.payment != nil && v.payment.From == w.name:
			return present(*v.payment, record), nil
		case v.payment != nil:
			return fail(payments.ErrAlreadyPaid, nil)
		case inv.Expired(now):
			return fail(payments.ErrExpired, nil)
		case w.opening+v.moved < r.Amount:
			return fail(payments.ErrFunds, nil)
		}
		p := paymentRecord{Hash: hash, From: w.name, To: record.Wallet, Amount: r.Amount, PaidAt: now.UTC()}
		if record.For > 0 {
			p.Act, p.Until = held, p.PaidAt.Add(record.For)
		}
		added, err := w.network.journal.add(ctx, v, p)
		if err != nil {
			return payments.Payment{}, unknown(op, err)
		}
		if added {
			return present(p, record), nil
		}
		// Another payment was first, perhaps of this invoice: look again.
	}
}

// LookupPayment implements payments.Payer. Payments of other wallets are not
// found.
func (w *Wallet) LookupPayment(ctx context.Context, h payments.Hash) (payments.Payment, error) {
	const op = "look up payment"
	v, err := w.network.journal.look(ctx, h, w.name)
	if err != nil {
		return payments.Payment{}, refused(op, payments.ErrUnavailable, err)
	}
	if v.payment == nil || v.payment.From != w.name {
		return payments.Payment{}, refused(op, payments.ErrNotFound, nil)
	}
	var record invoiceRecord
	found, err := w.network.records.read(ctx, invoiceName(h), &record)
	if err == nil && !found {
		err = errors.New("the invoice of this payment is gone")
	}
	if err != nil {
		return payments.Payment{}, refused(op, payments.ErrUnavailable, err)
	}
	return present(*v.payment, record), nil
}

// present is what the payer sees of a payment.
func present(p paymentRecord, r invoiceRecord) payments.Payment {
	switch seen := (payments.Payment{Hash: p.Hash}); p.Act {
	case held:
		seen.State = payments.PayPending
		return seen
	case cancelled:
		seen.State = payments.PayFailed
		return seen
	case settled:
		seen.State, seen.Preimage = payments.PaySucceeded, payments.Preimage(p.Preimage)
		return seen
	default:
		seen.State, seen.Preimage = payments.PaySucceeded, payments.Preimage(r.Preimage)
		return seen
	}
}
