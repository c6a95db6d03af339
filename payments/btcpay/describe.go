package btcpay

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/dmshop/dmshop/payments"
)

// Describe implements payments.Describer. BTCPay does not tell its network: the
// one of the Config is what each invoice is held against. CanRefund tells that
// refunds to addresses work; refunds to invoices need CanPay alone. Whether the
// API key allows to pay and to refund is found with requests that BTCPay cannot
// but refuse.
func (w *Wallet) Describe(ctx context.Context) (payments.Info, error) {
	const op = "describe"
	body, err := w.get(ctx, "/api/v1/server/info")
	if err != nil {
		return payments.Info{}, failed(op, err, payments.NotApplied)
	}
	var server struct {
		Version string `json:"version"`
	}
	if json.Unmarshal(body, &server) != nil {
		return payments.Info{}, refused(op, payments.ErrUnavailable, errors.New("BTCPay's answer is not JSON"))
	}
	info := payments.Info{
		Name:         "BTCPay Server " + clip(server.Version),
		Network:      w.network.String(),
		Capabilities: payments.CanFind,
		MinInvoice:   payments.Sat,
	}
	if len(w.secrets().webhooks) > 0 {
		info.Capabilities |= payments.CanWebhook
	}
	pays, err := w.may(ctx, http.MethodGet, w.of("/lightning/BTC/payments/"+payments.Hash{}.String()), nil)
	if err == nil && pays {
		pays, err = w.may(ctx, http.MethodPost, w.of("/lightning/BTC/invoices/pay"), struct{}{})
	}
	if err != nil {
		return payments.Info{}, failed(op, err, payments.NotApplied)
	}
	if pays {
		info.Capabilities |= payments.CanPay | payments.CanLimitFee
	}
	refunds, err := w.mayRefund(ctx)
	if err != nil {
		return payments.Info{}, failed(op, err, payments.NotApplied)
	}
	if refunds {
		info.Capabilities |= payments.CanRefund
	}
	return info, nil
}

// mayRefund tells whether refunds to addresses work with this Config, API key
// and store.
func (w *Wallet) mayRefund(ctx context.Context) (bool, error) {
	if !w.refundAtAnyFee {
		return false, nil
	}
	switch err := w.CheckPayouts(ctx); {
	case errors.Is(err, payments.ErrUnsupported), errors.Is(err, payments.ErrAuth):
		return false, nil
	case err != nil:
		return false, err
	}
	if can, err := w.may(ctx, http.MethodGet, w.of("/pull-payments"), nil); err != nil || !can {
		return false, err
	}
	// Neither amount nor currency.
	return w.may(ctx, http.MethodPost, w.of("/pull-payments"), map[string]any{"autoApproveClaims": true})
}

// may tells whether BTCPay would hear this call out.
func (w *Wallet) may(ctx context.Context, method, path string, in any) (bool, error) {
	_, err := w.call(ctx, callTimeout, method, path, in)
	var reply *replyError
	switch {
	case err == nil:
		if method != http.MethodGet {
			return false, &lostError{sent: true, err: errors.New("BTCPay took an empty request")}
		}
		return true, nil
	case !errors.As(err, &reply):
		return false, err
	case reply.status == http.StatusUnauthorized:
		return false, err
	case reply.status == http.StatusForbidden:
		return false, nil
	case reply.status == http.StatusNotFound:
		// No such payment is an answer; no such node means that none can pay.
		return reply.code == "payment-not-found", nil
	case reply.status == http.StatusUnprocessableEntity, reply.code == "validation":
		return true, nil
	}
	return false, err
}
