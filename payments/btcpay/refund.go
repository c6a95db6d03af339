package btcpay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// pullRequest asks for a pull payment. BTCPay 2.0 renamed the methods; either
// version ignores the other's field.
type pullRequest struct {
	Name           string   `json:"name"`
	Description    string   `json:"description"`
	Amount         string   `json:"amount"`
	Currency       string   `json:"currency"`
	AutoApprove    bool     `json:"autoApproveClaims"`
	PayoutMethods  []string `json:"payoutMethods"`
	PaymentMethods []string `json:"paymentMethods"`
}

// claimRequest is CreatePayoutRequest.
type claimRequest struct {
	Destination    string `json:"destination"`
	Amount         string `json:"amount"`
	PayoutMethodID string `json:"payoutMethodId"`
	PaymentMethod  string `json:"paymentMethod"`
}

// attempt is a refund by a pull payment. Its id is a bearer secret: who knows
// it can claim the money.
type attempt struct {
	Pull        string        `json:"pull_payment"`
	Destination string        `json:"destination"`
	Amount      payments.Msat `json:"amount_msat"`
}

// PrepareRefund implements payments.Refunder. A destination is one of:
//
//   - a BOLT 11 invoice over exactly the amount: it is paid with [Wallet.Pay];
//   - a Lightning address, or an LNURL for paying: it is paid by BTCPay, out of
//     a pull payment over exactly the amount, which PrepareRefund makes. That
//     needs Config.RefundAtAnyFee and [Wallet.CheckPayouts]; MaxFee is not
//     kept, the payment's Fee is not known, and only the form of the
//     destination is checked before ExecuteRefund.
//
// A Key is a pull payment: preparing again gives the same attempt, also after a
// lost answer, for as long as nobody archives it. With another amount or
// destination the first one is archived, and when something was claimed of it
// already, that is ErrConflict.
func (w *Wallet) PrepareRefund(ctx context.Context, r payments.Refund) ([]byte, error) {
	const op = "prepare refund"
	if err := r.Validate(); err != nil {
		return nil, refused(op, payments.ErrInvalid, err)
	}
	r.Destination = strings.TrimSpace(r.Destination)
	if !isAddress(r.Destination) {
		return w.byInvoice().PrepareRefund(ctx, r)
	}
	switch {
	case r.Amount%payments.Sat != 0:
		return nil, refused(op, payments.ErrInvalid, fmt.Errorf("amount: want whole satoshi, got %v", r.Amount))
	case !w.refundAtAnyFee:
		return nil, refused(op, payments.ErrUnsupported, errors.New(
			"BTCPay pays addresses without a limit of the fee: set Config.RefundAtAnyFee, or refund to an invoice"))
	}
	if !w.paysAtOnce.Load() {
		if err := w.CheckPayouts(ctx); err != nil {
			return nil, err
		}
	}
	unlock, err := w.refunds.Lock(ctx, "key "+r.Key)
	if err != nil {
		return nil, refused(op, payments.ErrUnavailable, err)
	}
	defer unlock()
	pull, err := w.pullPayment(ctx, r)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(attempt{pull, r.Destination, r.Amount})
	if err != nil {
		return nil, refused(op, payments.ErrInvalid, err)
	}
	return text, nil
}

// pullPayment is the pull payment of a refund: the one that is there, or a new
// one. It moves no money, so that its errors say NotApplied.
func (w *Wallet) pullPayment(ctx context.Context, r payments.Refund) (string, error) {
	const op = "prepare refund"
	request := newPullRequest(r)
	id, err := w.findPull(ctx, request, r.Amount)
	if err != nil || id != "" {
		return id, err
	}
	body, err := w.post(ctx, w.of("/pull-payments"), request)
	if err != nil {
		e := failed(op, err, payments.NotApplied)
		var lost *lostError
		if errors.As(err, &lost) && lost.sent {
			// It may be there. Nobody knows its id, so that it cannot be claimed.
			if id, err := w.findPull(ctx, request, r.Amount); err == nil && id != "" {
				return id, nil
			}
		}
		return "", e
	}
	var m pullMessage
	switch err := json.Unmarshal(body, &m); {
	case err != nil || !anID.MatchString(m.ID):
		return "", refused(op, payments.ErrUnavailable, errors.New("BTCPay's answer is not a pull payment"))
	case !m.asks(r.Amount) || m.Archived:
		return "", refused(op, payments.ErrRejected, errors.New("BTCPay's pull payment is another than was asked for"))
	case !m.AutoApprove:
		return "", refused(op, payments.ErrAuth, errors.New("the API key may not create approved pull payments"))
	}
	return m.ID, nil
}

func newPullRequest(r payments.Refund) pullRequest {
	// BTCPay takes at most 50 characters.
	const room = 50
	name := "refund " + r.Key
	if len(name) > room {
		sum := sha256.Sum256([]byte(r.Key))
		name = name[:room-21] + "~" + hex.EncodeToString(sum[:10])
	}
	sum := sha256.Sum256([]byte(r.Key + "\x00" + r.Amount.String() + "\x00" + r.Destination))
	return pullRequest{
		Name: name, Description: "dmshop " + hex.EncodeToString(sum[:16]),
		Amount: r.Amount.FormatBTC(), Currency: currency, AutoApprove: true,
		PayoutMethods: []string{lightning}, PaymentMethods: []string{legacyLightning},
	}
}

// findPull is the id of the pull payment that fits the request. Another of the
// same name is one of the same Key: it is ended first.
func (w *Wallet) findPull(ctx context.Context, request pullRequest, want payments.Msat) (string, error) {
	const op = "prepare refund"
	body, err := w.get(ctx, w.of("/pull-payments"))
	if err != nil {
		return "", failed(op, err, payments.NotApplied)
	}
	var list []pullMessage
	if json.Unmarshal(body, &list) != nil {
		return "", refused(op, payments.ErrUnavailable, errors.New("BTCPay's pull payments: not a list"))
	}
	fits := ""
	for _, m := range list {
		if m.Name != request.Name || m.Archived || !strings.HasPrefix(m.Description, "dmshop ") || !anID.MatchString(m.ID) {
			continue
		}
		if m.Description == request.Description && m.asks(want) && m.AutoApprove && fits == "" {
			fits = m.ID
			continue
		}
		live, _, err := w.payouts(ctx, m.ID)
		if err == nil && live == nil {
			live, err = w.end(ctx, m.ID)
		}
		switch {
		case err != nil:
			return "", failed(op, err, payments.NotApplied)
		case live != nil:
			return "", refused(op, payments.ErrConflict, errors.New("another refund of this key was executed"))
		}
	}
	return fits, nil
}

// isAddress tells a Lightning address, or an LNURL, from an invoice.
func isAddress(s string) bool {
	lower := strings.ToLower(s)
	if strings.HasPrefix(lower, "lnurl1") || strings.HasPrefix(lower, "lnurlp://") {
		return true
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && a.Name == "" && strings.Contains(s, ".")
}

// byInvoice makes refunds to invoices.
func (w *Wallet) byInvoice() payments.Refunder {
	return payments.RefundByInvoice(w, func(_ context.Context, r payments.Refund) (string, payments.Hash, error) {
		inv, err := bolt11.Decode(r.Destination, w.network)
		switch {
		case errors.Is(err, bolt11.ErrNetwork):
			return "", payments.Hash{}, err
		case err != nil:
			return "", payments.Hash{}, errors.New("destination: neither a Lightning address, an LNURL nor an invoice")
		case payments.Msat(inv.AmountMsat) != r.Amount:
			return "", payments.Hash{}, fmt.Errorf("destination: an invoice over %v, not %v", payments.Msat(inv.AmountMsat), r.Amount)
		case inv.Expired(time.Now()):
			return "", payments.Hash{}, payments.ErrExpired
		}
		return r.Destination, inv.Hash, nil
	})
}

// readAttempt is nil where the attempt is one of byInvoice, or none.
func readAttempt(text []byte) *attempt {
	var a attempt
	if json.Unmarshal(text, &a) != nil || !anID.MatchString(a.Pull) || a.Destination == "" || a.Amount <= 0 {
		return nil
	}
	return &a
}

// ExecuteRefund implements payments.Refunder. An attempt by pull payment is
// claimed once: its limit leaves room for one payout, and after a lost answer
// the payout that is there is the one that counts. A destination that BTCPay
// finds to be none is ErrInvalid.
func (w *Wallet) ExecuteRefund(ctx context.Context, text []byte) (payments.Payment, error) {
	const op = "execute refund"
	a := readAttempt(text)
	if a == nil {
		return w.byInvoice().ExecuteRefund(ctx, text)
	}
	unlock, err := w.refunds.Lock(ctx, "pull "+a.Pull)
	if err != nil {
		return payments.Payment{}, refused(op, payments.ErrUnavailable, err)
	}
	defer unlock()
	p, found, err := w.state(ctx, op, a.Pull)
	if err != nil {
		// An earlier call may have claimed: nothing is known.
		var e *payments.Error
		if errors.As(err, &e) {
			e.Outcome, e.RetryAfter = payments.OutcomeUnknown, 0
		}
		return payments.Payment{}, err
	}
	if found {
		return p, nil
	}
	body, err := w.call(ctx, claimTimeout, http.MethodPost, pullPath(a.Pull)+"/payouts", claimRequest{
		Destination: a.Destination, Amount: a.Amount.FormatBTC(), PayoutMethodID: lightning, PaymentMethod: legacyLightning,
	})
	if err != nil {
		return w.notClaimed(ctx, a.Pull, err)
	}
	var m payoutMessage
	if json.Unmarshal(body, &m) != nil || m.Pull != a.Pull {
		return payments.Payment{}, fault(op, payments.ErrUnavailable, payments.OutcomeUnknown, errors.New("BTCPay's answer is not a payout of this refund"))
	}
	if p, err = readPayout(m); err != nil {
		return payments.Payment{}, fault(op, payments.ErrUnavailable, payments.OutcomeUnknown, err)
	}
	return p, nil
}

// notClaimed finds out about a claim that BTCPay refused, or did not answer.
func (w *Wallet) notClaimed(ctx context.Context, pull string, err error) (payments.Payment, error) {
	const op = "execute refund"
	e := failed(op, err, payments.OutcomeUnknown)
	var reply *replyError
	if errors.As(err, &reply) {
		e.Err = nil // its words may name the destination
	}
	p, found, looked := w.state(ctx, op, pull)
	switch {
	case looked == nil && found:
		return p, nil
	case looked != nil: // another call's claim may be the one in the way
		e.Outcome, e.RetryAfter = payments.OutcomeUnknown, 0
	}
	return payments.Payment{}, e
}

// RefundStatus implements payments.Refunder. PayFailed is told when nothing was
// claimed of the pull payment, or it was cancelled, and the pull payment is
// archived, which RefundStatus does then: so that a claim which is still on its
// way comes too late. A payout that a person marked as paid has succeeded, and
// has no preimage.
func (w *Wallet) RefundStatus(ctx context.Context, text []byte) (payments.Payment, error) {
	const op = "refund status"
	a := readAttempt(text)
	if a == nil {
		return w.byInvoice().RefundStatus(ctx, text)
	}
	p, found, err := w.state(ctx, op, a.Pull)
	switch {
	case err != nil:
		return payments.Payment{}, err
	case !found:
		return payments.Payment{}, refused(op, payments.ErrNotFound, nil)
	}
	return p, nil
}

// state is what became of a pull payment; found is false when nothing was
// claimed and it can still be. Its errors say NotApplied.
func (w *Wallet) state(ctx context.Context, op, pull string) (p payments.Payment, found bool, err error) {
	live, all, err := w.payouts(ctx, pull)
	if err == nil && live == nil {
		if all == 0 {
			var open bool
			if open, err = w.isOpen(ctx, pull); err == nil && open {
				return payments.Payment{}, false, nil
			}
		}
		if err == nil {
			live, err = w.end(ctx, pull)
		}
	}
	switch {
	case err != nil:
		return payments.Payment{}, false, failed(op, err, payments.NotApplied)
	case live == nil:
		return payments.Payment{State: payments.PayFailed}, true, nil
	}
	if p, err = readPayout(*live); err != nil {
		return payments.Payment{}, false, refused(op, payments.ErrUnavailable, err)
	}
	return p, true, nil
}

// isOpen tells whether a pull payment can be claimed.
func (w *Wallet) isOpen(ctx context.Context, pull string) (bool, error) {
	body, err := w.get(ctx, pullPath(pull))
	if err != nil {
		return false, err
	}
	var m pullMessage
	if json.Unmarshal(body, &m) != nil || m.ID != pull {
		return false, errors.New("BTCPay's answer is another pull payment")
	}
	return !m.Archived, nil
}
