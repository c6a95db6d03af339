package orders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/payments"
)

// slowPoll is how often what is unlikely to change is looked up.
const slowPoll = 5 * time.Minute

// step does the one next thing for an order and returns how long to wait
// before the next look. An error means: nothing is known to have changed, look
// again.
func (d *Desk) step(ctx context.Context, o *Order) (time.Duration, error) {
	switch o.State {
	case AwaitingPayment, Expired:
		return d.watch(ctx, o)
	case Paid:
		return 0, d.prepare(ctx, o)
	case Fulfilling:
		return d.fulfil(ctx, o)
	case Refunding:
		if o.Refund.Bolt11 == "" {
			return 0, d.fetchRefund(ctx, o)
		}
		return d.payRefund(ctx, o)
	default:
		return slowPoll, fmt.Errorf("no step for state %q", o.State)
	}
}

// watch looks the invoice up; what a webhook or a stream would say is only a
// hint to do this sooner.
func (d *Desk) watch(ctx context.Context, o *Order) (time.Duration, error) {
	inv, err := d.Wallet.LookupInvoice(ctx, o.InvoiceID)
	switch {
	case err != nil:
		return 0, err
	case inv.Status == payments.Settled && inv.Received >= o.Price:
		return 0, d.move(ctx, o, Settle)
	case (inv.Status == payments.Expired || inv.Status == payments.Invalid) && o.State == AwaitingPayment:
		return 0, d.move(ctx, o, Expire)
	case o.State == Expired:
		return slowPoll, nil
	default: // most pay at once, or never: the older, the more rarely it is looked up
		return max(d.Poll, min(d.now().Sub(o.CreatedAt)/20, 5*time.Second)), nil
	}
}

// prepare reserves the item; the reference is stored before anything is bought.
func (d *Desk) prepare(ctx context.Context, o *Order) error {
	p, err := d.Supplier.Prepare(ctx, o.Key, o.Item)
	if neverDelivered(err) {
		return d.move(ctx, o, Fail)
	}
	if err != nil {
		return err
	}
	o.SupplierRef = p.Ref
	return d.move(ctx, o, Dispatch)
}

// fulfil buys what was prepared. It looks before it leaps: after a crash or a
// lost answer the look-up says whether the purchase was made.
func (d *Desk) fulfil(ctx context.Context, o *Order) (time.Duration, error) {
	p, err := d.Supplier.Lookup(ctx, o.SupplierRef)
	if err == nil && p.State == payments.Prepared {
		p, err = d.Supplier.Commit(ctx, o.SupplierRef)
		if neverDelivered(err) {
			return 0, d.move(ctx, o, Fail)
		}
	}
	switch {
	case err != nil:
		return 0, err
	case p.State == payments.Delivered:
		return 0, d.move(ctx, o, Deliver)
	case p.State == payments.Failed, p.State == payments.Reversed:
		return 0, d.move(ctx, o, Fail)
	default:
		return d.Poll, nil
	}
}

// fetchRefund asks the customer's address for an invoice and stores it before
// it is paid.
func (d *Desk) fetchRefund(ctx context.Context, o *Order) error {
	addr, err := lnaddr.Parse(o.Refund.Address)
	if err != nil {
		return d.move(ctx, o, RefundRefused)
	}
	inv, err := d.Addresses.Invoice(ctx, addr, int64(o.Price), "")
	if err != nil {
		d.log().Info("no invoice for the refund", "order", o.ID, "err", err)
		return d.move(ctx, o, RefundRefused) // nothing was paid: ask for another address
	}
	o.Refund.Bolt11, o.Refund.Hash = inv.Bolt11, inv.Hash
	return d.Book.Put(ctx, o)
}

// payRefund pays the stored invoice, and no other, until its end is known.
func (d *Desk) payRefund(ctx context.Context, o *Order) (time.Duration, error) {
	p, err := d.Wallet.LookupPayment(ctx, o.Refund.Hash)
	switch {
	case errors.Is(err, payments.ErrNotFound):
		// Not begun, or begun and not recorded: paying the same hash is safe
		// either way, since a hash is paid once.
		p, err = d.Wallet.Pay(ctx, payments.PayRequest{
			Bolt11: o.Refund.Bolt11, Amount: o.Price, MaxFee: o.Price/100 + 10*payments.Sat,
		})
		if neverPaid(err) {
			return 0, d.move(ctx, o, RefundRefused)
		}
		if err != nil {
			return 0, err // the shop's own trouble, or unknown: look again
		}
	case err != nil:
		return 0, err // a look-up that failed says nothing about the payment
	}
	switch p.State {
	case payments.PaySucceeded:
		return 0, d.move(ctx, o, RefundPaid)
	case payments.PayFailed:
		return 0, d.move(ctx, o, RefundRefused)
	default:
		return d.Poll, nil
	}
}

// neverPaid tells that Pay refused for good, for a reason that lies with the
// invoice: another address may do better.
func neverPaid(err error) bool {
	return refused(err, payments.ErrExpired, payments.ErrNoRoute, payments.ErrRejected,
		payments.ErrInvalid, payments.ErrNetwork, payments.ErrAlreadyPaid)
}

// neverDelivered tells that the supplier refused for good.
func neverDelivered(err error) bool {
	return refused(err, payments.ErrInvalid, payments.ErrOutOfStock, payments.ErrRejected)
}

// refused tells that a call certainly had no effect, and why is one of kinds.
func refused(err error, kinds ...error) bool {
	return payments.MayRepeat(err) && slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) })
}
