package btcpay

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// payGrace is how much longer than PayTimeout the answer is waited for.
const payGrace = 15 * time.Second

// payRequest is PayLightningInvoiceRequest. It names no amount, which would
// overrule the invoice's.
type payRequest struct {
	Bolt11  string `json:"BOLT11"`
	MaxFee  string `json:"maxFeeFlat"` // satoshi
	Seconds int64  `json:"sendTimeout"`
}

// sentMessage is LightningPaymentData; amounts are in millisatoshi.
type sentMessage struct {
	Status   string `json:"status"`
	Hash     string `json:"paymentHash"`
	Preimage string `json:"preimage"`
	Fee      string `json:"feeAmount"`
}

// Pay implements payments.Payer, with the store's Lightning node. MaxFee is cut
// to whole satoshi; a fraction of one allows no fee. Before anything is sent,
// the node is asked for a payment of the hash, and one that was made or is on
// its way is what Pay returns. That the node itself pays a hash only once is
// its own virtue; see the package comment.
//
// A failure is told only after the look-up by hash said so, or after BTCPay's
// word that there is no route, when the node knows of no such payment. Whatever
// else goes wrong, the outcome is unknown: BTCPay's generic-error and any 5xx
// can follow upon a payment that went out, and when the node cannot even be
// asked, an earlier call may have paid. Calling again with the same invoice is
// safe.
func (w *Wallet) Pay(ctx context.Context, r payments.PayRequest) (payments.Payment, error) {
	const op = "pay"
	inv, err := w.readable(r)
	if err != nil {
		return payments.Payment{}, err
	}
	hash := payments.Hash(inv.Hash)
	unlock, err := w.paying.Lock(ctx, hash.String())
	if err != nil {
		return payments.Payment{}, refused(op, payments.ErrUnavailable, err)
	}
	defer unlock()
	p, err := w.LookupPayment(ctx, hash)
	switch {
	case err == nil && p.State != payments.PayFailed:
		return p, nil
	case err != nil && !errors.Is(err, payments.ErrNotFound):
		// An earlier call may have paid: nothing is known.
		return payments.Payment{}, fault(op, kindOf(err), payments.OutcomeUnknown, err)
	case inv.Expired(time.Now()):
		return payments.Payment{}, refused(op, payments.ErrExpired, nil)
	}
	body, err := w.call(ctx, w.payTimeout+payGrace, http.MethodPost, w.of("/lightning/BTC/invoices/pay"), payRequest{
		Bolt11: r.Bolt11, MaxFee: strconv.FormatInt(int64(r.MaxFee/payments.Sat), 10), Seconds: int64(w.payTimeout / time.Second),
	})
	if err != nil {
		return w.notPaid(ctx, hash, err)
	}
	if p, err = readPayment(body, hash); err != nil {
		return payments.Payment{}, fault(op, payments.ErrUnavailable, payments.OutcomeUnknown, err)
	}
	if p.State == payments.PayFailed { // only the look-up may say that
		return w.notPaid(ctx, hash, &lostError{sent: true, err: errors.New("BTCPay's answer says that it failed")})
	}
	return p, nil
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

// notPaid finds out about a payment that BTCPay answered with an error, or not
// at all.
func (w *Wallet) notPaid(ctx context.Context, hash payments.Hash, err error) (payments.Payment, error) {
	const op = "pay"
	e := failed(op, err, payments.OutcomeUnknown)
	if e.Outcome == payments.NotApplied {
		return payments.Payment{}, e
	}
	p, looked := w.LookupPayment(ctx, hash)
	switch {
	case looked == nil && p.State != payments.PayFailed:
		return p, nil
	case looked == nil:
		e.Outcome = payments.NotApplied
	case errors.Is(looked, payments.ErrNotFound) && e.Code == codeNoRoute:
		// The node looked for a way, found none, and has begun nothing.
		e.Outcome = payments.NotApplied
	}
	return payments.Payment{}, e
}

// LookupPayment implements payments.Payer. The word of an lnd or Core Lightning
// behind BTCPay that a payment failed is proof; what other backends mean by it
// was not verified.
func (w *Wallet) LookupPayment(ctx context.Context, h payments.Hash) (payments.Payment, error) {
	const op = "look up payment"
	body, err := w.get(ctx, w.of("/lightning/BTC/payments/"+h.String()))
	if err != nil {
		return payments.Payment{}, failed(op, err, payments.NotApplied)
	}
	p, err := readPayment(body, h)
	if err != nil {
		return payments.Payment{}, refused(op, payments.ErrUnavailable, err)
	}
	return p, nil
}

// readPayment reads a payment of the hash that was asked for. A success must
// prove itself: without its preimage it is pending.
func readPayment(text []byte, want payments.Hash) (payments.Payment, error) {
	fail := func(what string) (payments.Payment, error) {
		return payments.Payment{}, errors.New("BTCPay's payment: " + what)
	}
	var m sentMessage
	if json.Unmarshal(text, &m) != nil {
		return fail("not one")
	}
	// An unknown status can come without a hash.
	if h, err := payments.ParseHash(m.Hash); (err != nil || h != want) && (m.Hash != "" || m.Status != "Unknown") {
		return fail("it is of another hash")
	}
	p := payments.Payment{Hash: want, State: payments.PayPending}
	switch m.Status {
	case "Unknown", "Pending":
	case "Failed":
		p.State = payments.PayFailed
	case "Complete":
		if m.Preimage == "" {
			return p, nil
		}
		raw, err := hex.DecodeString(m.Preimage)
		if err != nil || len(raw) != len(p.Preimage) || payments.Preimage(raw).Hash() != want {
			return fail("it is complete, and its preimage is not of this hash")
		}
		if m.Fee != "" {
			fee, err := strconv.ParseInt(m.Fee, 10, 64)
			if err != nil || fee < 0 {
				return fail("a fee that cannot be read")
			}
			p.Fee = payments.Msat(fee)
		}
		p.State, p.Preimage = payments.PaySucceeded, payments.Preimage(raw)
	default:
		return fail("an unknown status")
	}
	return p, nil
}

func kindOf(err error) error {
	var e *payments.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return payments.ErrUnavailable
}
