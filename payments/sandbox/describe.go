package sandbox

import (
	"context"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// Describe implements payments.Describer.
func (w *Wallet) Describe(ctx context.Context) (payments.Info, error) {
	if err := ctx.Err(); err != nil {
		return payments.Info{}, refused("describe", payments.ErrUnavailable, err)
	}
	can := payments.CanFind | payments.CanWatch | payments.CanResume | payments.CanPay | payments.CanLimitFee |
		payments.CanRefund | payments.CanHold | payments.CanSubSat
	if len(w.network.options.WebhookSecrets) > 0 {
		can |= payments.CanWebhook
	}
	return payments.Info{
		Name: w.String(), Network: bolt11.Regtest.String(), Capabilities: can,
		MinInvoice: 1, MaxInvoice: 21_000_000 * payments.BTC, MaxMemo: bolt11.MaxDescription - len(describe("")),
	}, nil
}
