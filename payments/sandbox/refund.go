package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// addressDomain makes a destination of a wallet's name.
const addressDomain = "@sandbox.invalid"

// Address is what PrepareRefund takes as a destination: "customer@sandbox.invalid".
// It is no Lightning address that anybody else could pay.
func (w *Wallet) Address() string { return w.name + addressDomain }

// PrepareRefund implements payments.Refunder. A destination is an [Wallet.Address]
// of this network, or an invoice over exactly the amount.
func (w *Wallet) PrepareRefund(ctx context.Context, r payments.Refund) ([]byte, error) {
	return w.refunder().PrepareRefund(ctx, r)
}

// ExecuteRefund implements payments.Refunder; its errors are those of
// [Wallet.Pay].
func (w *Wallet) ExecuteRefund(ctx context.Context, attempt []byte) (payments.Payment, error) {
	return w.refunder().ExecuteRefund(ctx, attempt)
}

// RefundStatus implements payments.Refunder.
func (w *Wallet) RefundStatus(ctx context.Context, attempt []byte) (payments.Payment, error) {
	return w.refunder().RefundStatus(ctx, attempt)
}

func (w *Wallet) refunder() payments.Refunder { return payments.RefundByInvoice(w, w.fetch) }

// fetch asks a destination for an invoice.
func (w *Wallet) fetch(ctx context.Context, r payments.Refund) (string, payments.Hash, error) {
	if name, ok := strings.CutSuffix(r.Destination, addressDomain); ok {
		payee, err := w.network.Wallet(ctx, name)
		if err != nil {
			return "", payments.Hash{}, err
		}
		key := payments.Hash(w.derive("refund", r.Key)).String()
		inv, err := payee.CreateInvoice(ctx, payments.Charge{Key: key, Amount: r.Amount, Memo: "refund"})
		return inv.Bolt11, inv.Hash, err
	}
	inv, err := bolt11.Decode(r.Destination, bolt11.Regtest)
	switch {
	case err != nil:
		return "", payments.Hash{}, errors.New("destination: neither an address of this sandbox nor an invoice")
	case payments.Msat(inv.AmountMsat) != r.Amount:
		return "", payments.Hash{}, fmt.Errorf("destination: an invoice over %v, not %v", payments.Msat(inv.AmountMsat), r.Amount)
	}
	return r.Destination, payments.Hash(inv.Hash), nil
}
