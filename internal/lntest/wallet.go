package lntest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Invoice asks for an amount in millisatoshi, payable for that long (whole
// seconds; zero: lnd's day).
func (n *Node) Invoice(t testing.TB, msat int64, expiry time.Duration) (bolt11 string) {
	t.Helper()
	var out struct {
		PaymentRequest string `json:"payment_request"`
	}
	require.NoError(t, n.Call(t.Context(), "/v1/invoices", map[string]any{
		"value_msat": strconv.FormatInt(msat, 10), "memo": "lntest", "expiry": strconv.Itoa(int(expiry.Seconds())),
	}, &out))
	return out.PaymentRequest
}

// HoldInvoice asks for an amount that the node will hold until it is told to
// settle or cancel.
func (n *Node) HoldInvoice(t testing.TB, hash [32]byte, msat int64) (bolt11 string) {
	t.Helper()
	var out struct {
		PaymentRequest string `json:"payment_request"`
	}
	require.NoError(t, n.Call(t.Context(), "/v2/invoices/hodl", map[string]any{
		"hash": hash[:], "value_msat": strconv.FormatInt(msat, 10), "memo": "lntest hold",
	}, &out))
	return out.PaymentRequest
}

// Settle takes a held payment.
func (n *Node) Settle(t testing.TB, preimage [32]byte) {
	t.Helper()
	require.NoError(t, n.Call(t.Context(), "/v2/invoices/settle", map[string]any{"preimage": preimage[:]}, nil))
}

// Cancel gives a held payment back, or ends an open invoice.
func (n *Node) Cancel(t testing.TB, hash [32]byte) {
	t.Helper()
	require.NoError(t, n.Call(t.Context(), "/v2/invoices/cancel", map[string]any{"payment_hash": hash[:]}, nil))
}

// Received is an invoice of this node as it sees it.
type Received struct {
	// State is OPEN, ACCEPTED (held), SETTLED or CANCELED.
	State string
	// Msat came in, in Parts settled HTLCs.
	Msat  int64
	Parts int
}

// LookUp reads an invoice of this node.
func (n *Node) LookUp(t testing.TB, hash [32]byte) Received {
	t.Helper()
	var out struct {
		State string
		Msat  int64 `json:"amt_paid_msat,string"`
		HTLCs []struct{ State string }
	}
	require.NoError(t, n.Call(t.Context(), "/v1/invoice/"+hex.EncodeToString(hash[:]), nil, &out))
	r := Received{State: out.State, Msat: out.Msat}
	for _, h := range out.HTLCs {
		if h.State == "SETTLED" {
			r.Parts++
		}
	}
	return r
}

// Await waits until an invoice of this node is in a state.
func (n *Node) Await(t testing.TB, hash [32]byte, state string) {
	t.Helper()
	require.Eventually(t, func() bool { return n.LookUp(t, hash).State == state }, 30*time.Second, 20*time.Millisecond, "the invoice is never %s", state)
}

// Paid is how a payment of this node ended.
type Paid struct {
	// Status is SUCCEEDED or FAILED.
	Status string
	// Reason is lnd's failure reason.
	Reason string `json:"failure_reason"`
	// FeeMsat is what routing cost.
	FeeMsat int64 `json:"fee_msat,string"`
}

// Pay pays an invoice and waits for the end, as a customer does.
func (n *Node) Pay(t testing.TB, bolt11 string) {
	t.Helper()
	paid, err := n.Send(t.Context(), bolt11)
	require.NoError(t, err)
	require.Equal(t, "SUCCEEDED", paid.Status, "%s", paid.Reason)
}

// Send pays an invoice and waits for the end, whatever it is.
func (n *Node) Send(ctx context.Context, bolt11 string) (Paid, error) {
	var out struct{ Result Paid }
	err := n.Call(ctx, "/v2/router/send", map[string]any{
		"payment_request": bolt11, "timeout_seconds": 30, "fee_limit_msat": "100000", "no_inflight_updates": true,
	}, &out)
	return out.Result, err
}

// Payment tells how a payment of this node goes: IN_FLIGHT, SUCCEEDED or
// FAILED; empty when the node never began it.
func (n *Node) Payment(ctx context.Context, hash [32]byte) (status string, err error) {
	var out struct{ Result struct{ Status string } }
	if err := n.Call(ctx, "/v2/router/track/"+base64.URLEncoding.EncodeToString(hash[:]), nil, &out); err != nil {
		return "", err
	}
	return out.Result.Status, nil
}

// Balance is what the node has in its channels, in millisatoshi. Shortly after
// a payment it may still be the old one.
func (n *Node) Balance(t testing.TB) int64 {
	t.Helper()
	var out struct {
		Local struct {
			Msat json.Number
		} `json:"local_balance"`
	}
	require.NoError(t, n.Call(t.Context(), "/v1/balance/channels", nil, &out))
	msat, err := out.Local.Msat.Int64()
	require.NoError(t, err)
	return msat
}
