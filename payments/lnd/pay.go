package lnd

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

type sendRequest struct {
	PaymentRequest string `json:"payment_request"`
	FeeLimit       number `json:"fee_limit_msat"` // 0: only routes without a fee
	Timeout        int32  `json:"timeout_seconds"`
}

// payGrace is how much longer than lnd's own search for routes Pay waits.
const payGrace = 15 * time.Second

// Pay implements payments.Payer. It waits for the end of the payment, some
// seconds longer than PayTimeout; what is then still on its way, because a node
// between is slow or the payee holds it, is PayPending. lnd pays one hash once,
// and only a hash whose payment failed again.
//
// A failure is told only after lnd's look-up by hash said the same:
// ErrNoRoute, ErrFunds, ErrRejected (the payee refused) or, when lnd gave up
// for another reason, ErrUnavailable; all NotApplied. An error that leaves the
// outcome unknown is ErrUnavailable.
func (w *Wallet) Pay(ctx context.Context, r payments.PayRequest) (payments.Payment, error) {
	inv, err := w.readable(r)
	if err != nil {
		return payments.Payment{}, err
	}
	hash := payments.Hash(inv.Hash)
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, w.payTimeout+w.grace)
	defer cancel()
	if inv.Expired(time.Now()) {
		return w.expired(ctx, hash)
	}
	p, reason, err := w.follow(ctx, "/v2/router/send", sendRequest{
		PaymentRequest: r.Bolt11, FeeLimit: number(r.MaxFee), Timeout: int32(w.payTimeout / time.Second),
	}, hash)
	var reply *replyError
	if errors.As(err, &reply) && reply.code == codeAlreadyExists {
		p, reason, err = w.follow(ctx, trackPath(hash), nil, hash)
	}
	switch {
	case err == nil && p.State == payments.PaySucceeded:
		return p, nil
	case err == nil:
		return w.failedPayment(ctx, hash, reason)
	case p.State == payments.PayPending && caller.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return p, nil
	}
	return w.unanswered(ctx, hash, err)
}

// readable is the invoice, if it is one that r says, for this network.
func (w *Wallet) readable(r payments.PayRequest) (bolt11.Invoice, error) {
	const op = "pay"
	inv, err := bolt11.Decode(r.Bolt11, w.network)
	switch {
	case errors.Is(err, bolt11.ErrNetwork):
		return inv, refused(op, payments.ErrNetwork, err)
	case err != nil:
		return inv, refused(op, payments.ErrInvalid, err)
	case r.Amount <= 0 || int64(r.Amount) != inv.AmountMsat:
		return inv, refused(op, payments.ErrInvalid, fmt.Errorf("the invoice asks %v, not %v", payments.Msat(inv.AmountMsat), r.Amount))
	case r.MaxFee < 0:
		return inv, refused(op, payments.ErrInvalid, fmt.Errorf("highest fee: want zero or more, got %v", r.MaxFee))
	}
	return inv, nil
}

// expired finds out about an invoice past its life: lnd would refuse it, also
// when it was paid in time.
func (w *Wallet) expired(ctx context.Context, hash payments.Hash) (payments.Payment, error) {
	const op = "pay"
	p, err := w.LookupPayment(ctx, hash)
	switch {
	case err == nil && p.State != payments.PayFailed:
		return p, nil
	case err == nil || errors.Is(err, payments.ErrNotFound):
		return payments.Payment{}, refused(op, payments.ErrExpired, nil)
	}
	return payments.Payment{}, fault(op, payments.ErrUnavailable, payments.OutcomeUnknown, err)
}

// failedPayment tells of a failure, if the look-up by hash says so too.
func (w *Wallet) failedPayment(ctx context.Context, hash payments.Hash, reason string) (payments.Payment, error) {
	const op = "pay"
	p, err := w.LookupPayment(ctx, hash)
	switch {
	case err != nil:
		return payments.Payment{}, fault(op, payments.ErrUnavailable, payments.OutcomeUnknown, err)
	case p.State != payments.PayFailed:
		return p, nil // somebody pays it again
	}
	e := refused(op, failureKind(reason), nil)
	e.Code = reason
	return payments.Payment{}, e
}

// unanswered finds out about a send that lnd answered with an error, or not
// at all.
func (w *Wallet) unanswered(ctx context.Context, hash payments.Hash, err error) (payments.Payment, error) {
	const op = "pay"
	var reply *replyError
	if !errors.As(err, &reply) || reply.beforeHandler() {
		return payments.Payment{}, failed(op, err, payments.OutcomeUnknown)
	}
	p, looked := w.LookupPayment(ctx, hash)
	switch {
	case looked == nil && p.State != payments.PayFailed:
		return p, nil
	case (looked == nil || errors.Is(looked, payments.ErrNotFound)) && reply.final():
		// lnd heard the request out, refused it, and knows of no payment that
		// could still complete.
		return payments.Payment{}, failed(op, err, payments.NotApplied)
	}
	return payments.Payment{}, fault(op, payments.ErrUnavailable, payments.OutcomeUnknown, err)
}

// follow reads a stream to the end of the payment, and returns the last that
// it said, also with an error.
func (w *Wallet) follow(ctx context.Context, path string, in any, hash payments.Hash) (p payments.Payment, reason string, err error) {
	s, err := w.open(ctx, path, in)
	if err != nil {
		return payments.Payment{}, "", err
	}
	defer s.close()
	for {
		text, err := s.next()
		if err != nil {
			return p, reason, err
		}
		if p, reason, err = readPayment(text, hash); err != nil {
			return payments.Payment{}, "", &lostError{sent: true, err: err}
		}
		if p.State != payments.PayPending {
			return p, reason, nil
		}
	}
}

func failureKind(reason string) error {
	switch reason {
	case "FAILURE_REASON_NO_ROUTE":
		return payments.ErrNoRoute
	case "FAILURE_REASON_INSUFFICIENT_BALANCE":
		return payments.ErrFunds
	case "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS":
		return payments.ErrRejected
	default: // TIMEOUT, ERROR, CANCELED, and what later versions say
		return payments.ErrUnavailable
	}
}

// LookupPayment implements payments.Payer. lnd may have been told to forget
// payments (DeleteAllPayments): ErrNotFound is then all it says.
func (w *Wallet) LookupPayment(ctx context.Context, h payments.Hash) (payments.Payment, error) {
	const op = "look up payment"
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s, err := w.open(ctx, trackPath(h), nil)
	if err != nil {
		return payments.Payment{}, failed(op, err, payments.NotApplied)
	}
	defer s.close()
	text, err := s.next()
	if err != nil {
		return payments.Payment{}, failed(op, err, payments.NotApplied)
	}
	p, _, err := readPayment(text, h)
	if err != nil {
		return payments.Payment{}, refused(op, payments.ErrUnavailable, err)
	}
	return p, nil
}

func trackPath(h payments.Hash) string {
	return "/v2/router/track/" + base64.URLEncoding.EncodeToString(h[:])
}
