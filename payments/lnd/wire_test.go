package lnd_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/lnd"
)

var (
	wireHash = payments.Preimage{7}.Hash()
	wireTime = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
)

// invoiceJSON is what lnd v0.20.0-beta answers, less what is not read.
func invoiceJSON(change map[string]any) string {
	m := map[string]any{
		"memo": "one coffee", "r_preimage": base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"r_hash": base64.StdEncoding.EncodeToString(wireHash[:]), "payment_request": "lnbcrt1", "state": "OPEN",
		"value": "1500", "value_msat": "1500000", "settled": false, "amt_paid_msat": "0",
		"creation_date": fmt.Sprint(wireTime.Unix()), "settle_date": "0", "expiry": "3600", "settle_index": "0", "htlcs": []any{},
	}
	maps.Copy(m, change)
	text, _ := json.Marshal(m) // of strings and lists: cannot fail
	return string(text)
}

func TestReadInvoice(t *testing.T) {
	t.Parallel()
	expires := wireTime.Add(time.Hour)
	at := func(d time.Duration) string { return fmt.Sprint(expires.Add(d).Unix()) }
	htlc := func(state, accepted string) []any {
		return []any{map[string]any{"state": state, "accept_time": accepted, "accept_height": 100, "expiry_height": 183}}
	}
	base := payments.Invoice{
		ID: wireHash.String(), Hash: wireHash, Bolt11: "lnbcrt1", Status: payments.Open, Amount: price, ExpiresAt: expires,
	}
	for name, c := range map[string]struct {
		change map[string]any
		now    time.Time
		want   func(*payments.Invoice)
	}{
		"open":             {nil, wireTime, func(*payments.Invoice) {}},
		"open, past":       {nil, expires.Add(time.Hour), func(*payments.Invoice) {}},
		"settled is not":   {map[string]any{"settled": true}, wireTime, func(*payments.Invoice) {}},
		"cancelled":        {map[string]any{"state": "CANCELED"}, wireTime, func(i *payments.Invoice) { i.Status = payments.Invalid }},
		"expired":          {map[string]any{"state": "CANCELED"}, expires, func(i *payments.Invoice) { i.Status = payments.Expired }},
		"paid, given back": {map[string]any{"state": "CANCELED", "htlcs": htlc("CANCELED", at(-1))}, expires, func(i *payments.Invoice) { i.Status = payments.Invalid }},
		"held": {map[string]any{"state": "ACCEPTED", "amt_paid_msat": "1500000", "htlcs": htlc("ACCEPTED", at(-time.Minute))}, wireTime, func(i *payments.Invoice) {
			i.Status, i.Received, i.Deadline = payments.Held, price, expires.Add(-time.Minute).Add((83-12)*5*time.Minute)
		}},
		"settled": {map[string]any{"state": "SETTLED", "amt_paid_msat": "1500000", "settle_date": at(-time.Second), "htlcs": htlc("SETTLED", at(-time.Minute))}, wireTime, func(i *payments.Invoice) {
			i.Status, i.Received, i.SettledAt = payments.Settled, price, expires.Add(-time.Second)
		}},
		"paid too much": {map[string]any{"state": "SETTLED", "amt_paid_msat": "2999999", "settle_date": at(0), "htlcs": htlc("SETTLED", at(0))}, wireTime, func(i *payments.Invoice) {
			i.Status, i.Received, i.SettledAt = payments.Settled, 2999999, expires
		}},
		"late": {map[string]any{"state": "SETTLED", "amt_paid_msat": "1500000", "settle_date": at(time.Second), "htlcs": htlc("SETTLED", at(time.Second))}, wireTime, func(i *payments.Invoice) {
			i.Status, i.Received, i.SettledAt, i.Late = payments.Settled, price, expires.Add(time.Second), true
		}},
	} {
		inv, _, err := lnd.ReadInvoice([]byte(invoiceJSON(c.change)), c.now)
		require.NoError(t, err, name)
		want := base
		c.want(&want)
		require.Equal(t, want, inv, name)
	}
	for name, text := range map[string]string{
		"empty":            "",
		"a list":           "[]",
		"nothing in it":    "{}",
		"short hash":       invoiceJSON(map[string]any{"r_hash": "AAAA"}),
		"hex hash":         invoiceJSON(map[string]any{"r_hash": wireHash.String()}),
		"new state":        invoiceJSON(map[string]any{"state": "SOLD"}),
		"no state":         invoiceJSON(map[string]any{"state": ""}),
		"a plain number":   invoiceJSON(map[string]any{"value_msat": 1500000}),
		"a fraction":       invoiceJSON(map[string]any{"value_msat": "1.5"}),
		"negative":         invoiceJSON(map[string]any{"amt_paid_msat": "-1"}),
		"beyond all times": invoiceJSON(map[string]any{"expiry": "9223372036854775807"}),
	} {
		inv, _, err := lnd.ReadInvoice([]byte(text), wireTime)
		require.Error(t, err, name)
		require.Zero(t, inv, name)
	}
}

func paymentJSON(change map[string]any) string {
	preimage := [32]byte{7}
	m := map[string]any{
		"payment_hash": wireHash.String(), "payment_preimage": fmt.Sprintf("%x", preimage), "status": "SUCCEEDED",
		"fee_msat": "1001", "failure_reason": "FAILURE_REASON_NONE",
	}
	maps.Copy(m, change)
	text, _ := json.Marshal(m) // of strings: cannot fail
	return string(text)
}

func TestReadPayment(t *testing.T) {
	t.Parallel()
	none := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		change map[string]any
		want   payments.Payment
	}{
		"succeeded": {nil, payments.Payment{Hash: wireHash, State: payments.PaySucceeded, Fee: 1001, Preimage: payments.Preimage{7}}},
		"initiated": {map[string]any{"status": "INITIATED", "payment_preimage": none}, payments.Payment{Hash: wireHash, State: payments.PayPending}},
		// Parts have arrived, others are on their way.
		"in flight": {map[string]any{"status": "IN_FLIGHT"}, payments.Payment{Hash: wireHash, State: payments.PayPending}},
		"failed":    {map[string]any{"status": "FAILED", "payment_preimage": none}, payments.Payment{Hash: wireHash, State: payments.PayFailed}},
	} {
		p, _, err := lnd.ReadPayment([]byte(paymentJSON(c.change)), wireHash)
		require.NoError(t, err, name)
		require.True(t, c.want == p, name)
	}
	for name, text := range map[string]string{
		"empty":            "",
		"nothing in it":    "{}",
		"another hash":     paymentJSON(map[string]any{"payment_hash": payments.Hash{1}.String()}),
		"no proof":         paymentJSON(map[string]any{"payment_preimage": none}),
		"a wrong proof":    paymentJSON(map[string]any{"payment_preimage": strings.Repeat("1", 64)}),
		"half a proof":     paymentJSON(map[string]any{"payment_preimage": "07"}),
		"unknown status":   paymentJSON(map[string]any{"status": "UNKNOWN"}),
		"no status":        paymentJSON(map[string]any{"status": ""}),
		"negative fee":     paymentJSON(map[string]any{"fee_msat": "-1"}),
		"number in number": paymentJSON(map[string]any{"fee_msat": 1001}),
	} {
		p, _, err := lnd.ReadPayment([]byte(text), wireHash)
		require.Error(t, err, name)
		require.True(t, p == payments.Payment{}, name)
	}
}

// lnd's status codes say little: nearly every error is 500 and code 2. These
// are its own answers.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  int
		body    string
		kind    error
		outcome payments.Outcome
	}{
		{500, `{"code":2,"message":"permission denied","details":[]}`, payments.ErrAuth, payments.NotApplied},
		{500, `{"code":2,"message":"expected 1 macaroon, got 0","details":[]}`, payments.ErrAuth, payments.NotApplied},
		{500, `{"code":2,"message":"verification failed: signature mismatch after caveat verification","details":[]}`, payments.ErrAuth, payments.NotApplied},
		{500, `{"code":2,"message":"the RPC server is in the process of starting up, but not yet ready to accept calls","details":[]}`, payments.ErrUnavailable, payments.NotApplied},
		{500, `{"code":2,"message":"wallet locked, unlock it to enable full RPC access","details":[]}`, payments.ErrUnavailable, payments.NotApplied},
		{501, `{"code":12,"message":"Not Implemented","details":[]}`, payments.ErrUnsupported, payments.NotApplied},
		{404, `{"code":5,"message":"unable to locate invoice","details":[]}`, payments.ErrNotFound, payments.OutcomeUnknown},
		{404, `{"error":{"code":5,"message":"payment isn't initiated","details":[]}}`, payments.ErrNotFound, payments.OutcomeUnknown},
		{409, `{"error":{"code":6,"message":"invoice is already paid","details":[]}}`, payments.ErrRejected, payments.OutcomeUnknown},
		{500, `{"error":{"code":2,"message":"invoice expired. Valid until 2026-01-02","details":[]}}`, payments.ErrExpired, payments.OutcomeUnknown},
		{500, `{"error":{"code":2,"message":"self-payments not allowed","details":[]}}`, payments.ErrInvalid, payments.OutcomeUnknown},
		{503, `{"code":14,"message":"connection error","details":[]}`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{500, `{"error":{"code":2,"message":"routerrpc server shutting down"}}`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{500, `{"code":2,"message":"disk on fire"}`, payments.ErrRejected, payments.OutcomeUnknown},
		// What is not lnd's says nothing of lnd.
		{502, `<html>Bad Gateway</html>`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{403, `{"message":"permission denied"}`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{504, `{"code":0}`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{500, ``, payments.ErrUnavailable, payments.OutcomeUnknown},
		{500, `{"error":"x"}`, payments.ErrUnavailable, payments.OutcomeUnknown},
	} {
		e := lnd.Failed(c.status, c.body)
		require.ErrorIs(t, e, c.kind, c.body)
		require.Equal(t, c.outcome, e.Outcome, c.body)
	}
}

func TestReadMessage(t *testing.T) {
	t.Parallel()
	text, err := lnd.ReadMessage([]byte(`{"result":{"status":"IN_FLIGHT"}}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"status":"IN_FLIGHT"}`, string(text))
	for _, bad := range []string{"", "{}", "null", `{"result":`, `{"error":{"code":5,"message":"gone"}}`, `{"result":{},"error":{"code":2,"message":"late"}}`} {
		_, err := lnd.ReadMessage([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

// Whatever comes, nothing panics, nothing is paid without proof, and nothing is
// settled that lnd does not call so.
func FuzzRead(f *testing.F) {
	f.Add([]byte(invoiceJSON(nil)))
	f.Add([]byte(invoiceJSON(map[string]any{"state": "ACCEPTED", "htlcs": []any{map[string]any{"state": "ACCEPTED", "accept_time": "1", "accept_height": 1, "expiry_height": 9}}})))
	f.Add([]byte(paymentJSON(nil)))
	f.Add([]byte(`{"result":{}}`))
	f.Add([]byte(`{"error":{"code":5,"message":"gone"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if inv, _, err := lnd.ReadInvoice(text, wireTime); err == nil {
			require.NotEmpty(t, inv.Status)
			require.Equal(t, inv.ID, inv.Hash.String())
			require.GreaterOrEqual(t, inv.Received, payments.Msat(0))
			if inv.Status != payments.Settled && inv.Status != payments.Held {
				require.Zero(t, inv.Received)
			}
		} else {
			require.Zero(t, inv)
		}
		if p, _, err := lnd.ReadPayment(text, wireHash); err == nil && p.State == payments.PaySucceeded {
			require.Equal(t, wireHash, p.Preimage.Hash())
		} else {
			require.True(t, p.Preimage == payments.Preimage{})
		}
		require.Error(t, lnd.ReadReplyError(500, text))
		if inner, err := lnd.ReadMessage(text); err == nil {
			require.True(t, json.Valid(inner))
		}
	})
}
