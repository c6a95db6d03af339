package lnd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// maxAmount is lnd's own bound on an invoice.
const maxAmount = 100_000 * payments.BTC

// Describe implements payments.Describer. An lnd of another network than the
// Config's is ErrNetwork. Whether the macaroon allows to pay and to hold is
// found with requests that lnd cannot but refuse.
func (w *Wallet) Describe(ctx context.Context) (payments.Info, error) {
	const op = "describe"
	body, err := w.call(ctx, "/v1/getinfo", nil)
	if err != nil {
		return payments.Info{}, failed(op, err, payments.NotApplied)
	}
	var node struct {
		Version string
		Chains  []struct{ Chain, Network string }
	}
	if err := json.Unmarshal(body, &node); err != nil {
		return payments.Info{}, refused(op, payments.ErrUnavailable, errors.New("lnd's answer is not JSON"))
	}
	if len(node.Chains) != 1 || networkOf(node.Chains[0].Network) != w.network {
		return payments.Info{}, refused(op, payments.ErrNetwork, fmt.Errorf("lnd is not on %v", w.network))
	}
	info := payments.Info{
		Name:         "lnd " + node.Version,
		Network:      w.network.String(),
		Capabilities: payments.CanFind | payments.CanWatch | payments.CanResume | payments.CanSubSat,
		MinInvoice:   1,
		MaxInvoice:   maxAmount,
		MaxMemo:      bolt11.MaxDescription,
	}
	empty := struct{}{}
	for _, c := range []struct {
		bits  payments.Capabilities
		calls map[string]any
	}{
		{payments.CanPay | payments.CanLimitFee, map[string]any{"/v2/router/send": empty, "/v2/router/track/AA==": nil}},
		{payments.CanHold, map[string]any{"/v2/invoices/hodl": empty, "/v2/invoices/settle": empty, "/v2/invoices/cancel": empty}},
	} {
		can, err := w.may(ctx, c.calls)
		if err != nil {
			return payments.Info{}, failed(op, err, payments.NotApplied)
		}
		if can {
			info.Capabilities |= c.bits
		}
	}
	return info, nil
}

// may tells whether lnd would hear these calls out. What it is asked is not
// valid: no invoice, no hash, no preimage.
func (w *Wallet) may(ctx context.Context, calls map[string]any) (bool, error) {
	for path, in := range calls {
		_, err := w.call(ctx, path, in)
		var reply *replyError
		switch {
		case err == nil:
			return false, &lostError{sent: true, err: errors.New("lnd took an empty request")}
		case !errors.As(err, &reply) || !reply.final() || reply.notReady():
			return false, err
		case reply.beforeHandler() || reply.code == codeNotFound: // built without invoicesrpc
			return false, nil
		}
	}
	return true, nil
}

// networkOf translates lnd's name of a network.
func networkOf(name string) bolt11.Network {
	switch name {
	case "mainnet":
		return bolt11.Mainnet
	case "testnet", "testnet4":
		return bolt11.Testnet
	case "signet":
		return bolt11.Signet
	case "regtest":
		return bolt11.Regtest
	default:
		return ""
	}
}
