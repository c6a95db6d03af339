package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// FetchInvoice asks a refund's destination for an invoice over exactly
// r.Amount, and checks its network, amount and expiry, as lnaddr's client
// does. It moves no money.
type FetchInvoice func(ctx context.Context, r Refund) (bolt11 string, h Hash, err error)

// RefundByInvoice makes a [Refunder] of a wallet that pays invoices: an
// attempt is one invoice, and its payment hash keeps it from being paid twice.
func RefundByInvoice(wallet Payer, fetch FetchInvoice) Refunder {
	if wallet == nil || fetch == nil {
		panic("payments: RefundByInvoice: give it a wallet that pays, and a way to fetch invoices")
	}
	return invoiceRefunder{wallet, fetch}
}

type invoiceRefunder struct {
	wallet Payer
	fetch  FetchInvoice
}

type invoiceAttempt struct {
	Bolt11 string `json:"bolt11"`
	Hash   Hash   `json:"hash"`
	Amount Msat   `json:"amount_msat"`
	MaxFee Msat   `json:"max_fee_msat"`
}

func (i invoiceRefunder) PrepareRefund(ctx context.Context, r Refund) ([]byte, error) {
	const op = "prepare refund"
	if err := r.Validate(); err != nil {
		return nil, refundError(op, ErrInvalid, err)
	}
	bolt11, hash, err := i.fetch(ctx, r)
	if err != nil {
		return nil, refundError(op, ErrUnavailable, err)
	}
	if bolt11 == "" || hash.IsZero() {
		return nil, refundError(op, ErrInvalid, errors.New("fetched an invoice without text or hash"))
	}
	attempt, err := json.Marshal(invoiceAttempt{bolt11, hash, r.Amount, r.MaxFee})
	if err != nil {
		return nil, refundError(op, ErrInvalid, err)
	}
	return attempt, nil
}

func (i invoiceRefunder) ExecuteRefund(ctx context.Context, attempt []byte) (Payment, error) {
	a, err := readInvoiceAttempt("execute refund", attempt)
	if err != nil {
		return Payment{}, err
	}
	return i.wallet.Pay(ctx, PayRequest{Bolt11: a.Bolt11, Amount: a.Amount, MaxFee: a.MaxFee})
}

func (i invoiceRefunder) RefundStatus(ctx context.Context, attempt []byte) (Payment, error) {
	a, err := readInvoiceAttempt("refund status", attempt)
	if err != nil {
		return Payment{}, err
	}
	return i.wallet.LookupPayment(ctx, a.Hash)
}

func readInvoiceAttempt(op string, attempt []byte) (a invoiceAttempt, err error) {
	// Without the cause: it may quote the attempt.
	if json.Unmarshal(attempt, &a) != nil || a.Bolt11 == "" || a.Hash.IsZero() || a.Amount <= 0 || a.MaxFee < 0 {
		return a, refundError(op, ErrInvalid, fmt.Errorf("an attempt of %d bytes that PrepareRefund did not make", len(attempt)))
	}
	return a, nil
}

func refundError(op string, kind, cause error) error {
	return &Error{Provider: "refund", Op: op, Kind: kind, Outcome: NotApplied, Err: cause}
}
