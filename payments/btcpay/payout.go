package btcpay

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/dmshop/dmshop/payments"
)

// pullMessage is PullPaymentData.
type pullMessage struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Amount      json.RawMessage `json:"amount"`
	Currency    string          `json:"currency"`
	AutoApprove bool            `json:"autoApproveClaims"`
	Archived    bool            `json:"archived"`
}

// asks tells whether the pull payment is over exactly that.
func (m pullMessage) asks(want payments.Msat) bool {
	var a amount
	return m.Currency == currency && json.Unmarshal(m.Amount, &a) == nil && payments.Msat(a) == want
}

// payoutMessage is PayoutData.
type payoutMessage struct {
	ID    string       `json:"id"`
	Pull  string       `json:"pullPaymentId"`
	State string       `json:"state"`
	Proof proofMessage `json:"paymentProof"`
}

// proofMessage is PayoutLightningBlob. A payout that somebody marked paid by
// hand has another proof, or none.
type proofMessage struct {
	Type     string `json:"proofType"`
	Hash     string `json:"PaymentHash"`
	Preimage string `json:"Preimage"`
}

const cancelled = "Cancelled"

// readPayout reads a payout's state. Only the end of its pull payment makes a
// cancelled one fail; see end.
func readPayout(m payoutMessage) (payments.Payment, error) {
	p := payments.Payment{State: payments.PayPending}
	if m.Proof.Type == "PayoutLightningBlob" && m.Proof.Hash != "" {
		h, err := payments.ParseHash(m.Proof.Hash)
		if err != nil {
			return payments.Payment{}, errors.New("BTCPay's payout: a proof that cannot be read")
		}
		p.Hash = h
	}
	switch m.State {
	case "AwaitingApproval", "AwaitingPayment", "InProgress", cancelled:
		return p, nil
	case "Completed":
	default:
		return payments.Payment{}, errors.New("BTCPay's payout: an unknown state")
	}
	p.State = payments.PaySucceeded
	if p.Hash.IsZero() || m.Proof.Preimage == "" {
		return p, nil // by the word of whoever marked it
	}
	raw, err := hex.DecodeString(m.Proof.Preimage)
	if err != nil || len(raw) != len(p.Preimage) || payments.Preimage(raw).Hash() != p.Hash {
		return payments.Payment{}, errors.New("BTCPay's payout: its preimage is not of its hash")
	}
	p.Preimage = payments.Preimage(raw)
	return p, nil
}

// readPayouts reads all payouts of a pull payment. live is the one that was not
// cancelled, if any.
func readPayouts(text []byte, pull string) (live *payoutMessage, all int, err error) {
	var list []payoutMessage
	if json.Unmarshal(text, &list) != nil {
		return nil, 0, errors.New("BTCPay's payouts: not a list")
	}
	for i, m := range list {
		if m.Pull != pull {
			return nil, 0, errors.New("BTCPay's payouts: one of another pull payment")
		}
		if m.State == cancelled {
			continue
		}
		if live != nil {
			return nil, 0, errors.New("BTCPay's payouts: two on one pull payment")
		}
		live = &list[i]
	}
	return live, len(list), nil
}

func pullPath(id string) string { return "/api/v1/pull-payments/" + id }

// payouts reads what was claimed of a pull payment.
func (w *Wallet) payouts(ctx context.Context, pull string) (live *payoutMessage, all int, err error) {
	body, err := w.get(ctx, pullPath(pull)+"/payouts?includeCancelled=true")
	if err != nil {
		return nil, 0, err
	}
	return readPayouts(body, pull)
}

// archive makes claims on a pull payment impossible from now on, and cancels a
// payout that waits.
func (w *Wallet) archive(ctx context.Context, pull string) error {
	_, err := w.call(ctx, callTimeout, http.MethodDelete, w.of("/pull-payments/"+pull), nil)
	return err
}

// end archives a pull payment of which nothing is being paid, and reads what
// was claimed till then: with no live payout, nothing ever will be.
func (w *Wallet) end(ctx context.Context, pull string) (live *payoutMessage, err error) {
	if err := w.archive(ctx, pull); err != nil {
		return nil, err
	}
	live, _, err = w.payouts(ctx, pull)
	return live, err
}

// CheckPayouts tells whether BTCPay pays refunds out by itself and at once:
// nil, or ErrUnsupported with what to change in the store's settings. It needs
// the right to view these.
func (w *Wallet) CheckPayouts(ctx context.Context) error {
	const op = "check payouts"
	body, err := w.get(ctx, w.of("/payout-processors/LightningAutomatedPayoutSenderFactory"))
	if err != nil {
		return failed(op, err, payments.NotApplied)
	}
	var list []struct {
		PayoutMethodID string `json:"payoutMethodId"`
		PaymentMethod  string `json:"paymentMethod"` // before 2.0
		AtOnce         bool   `json:"processNewPayoutsInstantly"`
	}
	if json.Unmarshal(body, &list) != nil {
		return refused(op, payments.ErrUnavailable, errors.New("BTCPay's payout processors: not a list"))
	}
	for _, p := range list {
		if !isLightning(p.PayoutMethodID) && !isLightning(p.PaymentMethod) {
			continue
		}
		if p.AtOnce {
			w.paysAtOnce.Store(true)
			return nil
		}
		return refused(op, payments.ErrUnsupported, errors.New(
			"approved payouts wait for the processor's next round: Payout Processors, Lightning, \"Process approved payouts instantly\""))
	}
	return refused(op, payments.ErrUnsupported, errors.New(
		"approved payouts wait for a person: add an automated Lightning sender under Payout Processors"))
}
