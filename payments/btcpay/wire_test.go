package btcpay_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/btcpay"
)

var wireTime = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// wireBolt11 is payable for an hour from wireTime.
func wireBolt11(t testing.TB, network bolt11.Network) string {
	t.Helper()
	text, err := bolt11.Sign(bolt11.Invoice{
		Network: network, AmountMsat: int64(price), Hash: [32]byte{7}, Secret: [32]byte{1}, Description: "one coffee",
		CreatedAt: wireTime, ExpiresAt: wireTime.Add(time.Hour),
	}, bolt11.Key{31: 7})
	require.NoError(t, err)
	return text
}

// invoiceJSON is what BTCPay 2.4 answers, less what is not read.
func invoiceJSON(change map[string]any) string {
	m := map[string]any{
		"id": "HMprBnL9BTXWuPvpoKBS6e", "storeId": "store", "amount": "0.000015", "currency": "BTC",
		"status": "New", "additionalStatus": "None", "createdTime": wireTime.Unix(), "expirationTime": wireTime.Add(time.Hour).Unix(),
		"metadata": map[string]any{"orderId": "order", "dmshop": "1"},
	}
	return changed(m, change)
}

func methodsJSON(t testing.TB, change map[string]any) string {
	t.Helper()
	m := map[string]any{
		"paymentMethodId": "BTC-LN", "activated": true, "destination": wireBolt11(t, bolt11.Regtest), "payments": []any{},
	}
	return `[{"paymentMethodId":"BTC-CHAIN","destination":7},` + changed(m, change) + "]"
}

func changed(m, change map[string]any) string {
	maps.Copy(m, change)
	text, _ := json.Marshal(m) // of plain values: cannot fail
	return string(text)
}

func paid(value string, at time.Time, status string) map[string]any {
	return map[string]any{"payments": []any{map[string]any{"receivedDate": at.Unix(), "value": value, "status": status}}}
}

func TestReadInvoice(t *testing.T) {
	t.Parallel()
	base := payments.Invoice{
		ID: "HMprBnL9BTXWuPvpoKBS6e", Key: "order", Hash: payments.Hash{7}, Bolt11: wireBolt11(t, bolt11.Regtest),
		Status: payments.Open, Amount: price, ExpiresAt: wireTime.Add(time.Hour),
	}
	at := wireTime.Add(time.Minute)
	for name, c := range map[string]struct {
		invoice, methods map[string]any
		want             func(*payments.Invoice)
	}{
		"open":              {nil, nil, func(*payments.Invoice) {}},
		"a plain number":    {map[string]any{"amount": 0.000015}, nil, func(*payments.Invoice) {}},
		"an exponent":       {map[string]any{"amount": json.RawMessage("1.5e-05")}, nil, nil},
		"1.13":              {nil, map[string]any{"paymentMethodId": nil, "paymentMethod": "BTC-LightningNetwork"}, func(*payments.Invoice) {}},
		"before that":       {nil, map[string]any{"paymentMethodId": nil, "paymentMethod": "BTC_LightningLike"}, func(*payments.Invoice) {}},
		"no bolt11":         {nil, map[string]any{"destination": ""}, func(i *payments.Invoice) { i.Bolt11, i.Hash = "", payments.Hash{} }},
		"processing":        {map[string]any{"status": "Processing"}, nil, func(i *payments.Invoice) { i.Status = payments.Processing }},
		"between the two":   {nil, paid("0.000015", at, "Settled"), func(*payments.Invoice) {}},
		"an invalid one":    {nil, paid("0.00001", at, "Invalid"), func(*payments.Invoice) {}},
		"with a millisat":   {map[string]any{"status": "Settled"}, paid("0.00001500001", at, "Settled"), func(i *payments.Invoice) { i.Status, i.Received, i.SettledAt = payments.Settled, price+1, at }},
		"network":           {nil, map[string]any{"destination": wireBolt11(t, bolt11.Mainnet)}, nil},
		"not an invoice":    {nil, map[string]any{"destination": "lnbcrt1"}, nil},
		"dollars":           {map[string]any{"currency": "USD"}, nil, nil},
		"no amount":         {map[string]any{"amount": nil}, nil, nil},
		"nothing":           {map[string]any{"amount": "0"}, nil, nil},
		"negative":          {map[string]any{"amount": "-0.1"}, nil, nil},
		"too fine":          {map[string]any{"amount": "0.000000000001"}, nil, nil},
		"no id":             {map[string]any{"id": ""}, nil, nil},
		"a path for an id":  {map[string]any{"id": "../x"}, nil, nil},
		"new status":        {map[string]any{"status": "Sold"}, nil, nil},
		"beyond all times":  {map[string]any{"expirationTime": int64(1) << 60}, nil, nil},
		"a payment's value": {nil, paid("-1", at, "Settled"), nil},
		"a payment's time":  {nil, map[string]any{"payments": []any{map[string]any{"receivedDate": -1, "value": "1"}}}, nil},
		"sums": {nil, map[string]any{"payments": []any{
			map[string]any{"receivedDate": 1, "value": "90000000"}, map[string]any{"receivedDate": 1, "value": "90000000"},
		}}, nil},
	} {
		inv, err := btcpay.ReadInvoice([]byte(invoiceJSON(c.invoice)), []byte(methodsJSON(t, c.methods)), bolt11.Regtest)
		if c.want == nil {
			require.Error(t, err, name)
			require.Zero(t, inv, name)
			continue
		}
		require.NoError(t, err, name)
		want := base
		c.want(&want)
		require.Equal(t, want, inv, name)
	}
}

func TestReadPayouts(t *testing.T) {
	t.Parallel()
	preimage := payments.Preimage{7}
	proof := func(hash payments.Hash, preimage string) string {
		return fmt.Sprintf(`{"proofType":"PayoutLightningBlob","PaymentHash":%q,"Preimage":%q}`, hash, preimage)
	}
	good := hex.EncodeToString(preimage[:])
	one := func(state, proof string) string {
		return fmt.Sprintf(`[{"id":"1","pullPaymentId":"p","state":%q,"paymentProof":%s}]`, state, proof)
	}
	for text, want := range map[string]payments.Payment{
		one("Completed", proof(preimage.Hash(), good)):        {State: payments.PaySucceeded, Hash: preimage.Hash(), Preimage: preimage},
		one("InProgress", proof(preimage.Hash(), "")):         {State: payments.PayPending, Hash: preimage.Hash()},
		one("Completed", "null"):                              {State: payments.PaySucceeded},
		one("Completed", `{"proofType":"Manual","link":"x"}`): {State: payments.PaySucceeded},
		one("AwaitingPayment", "null"):                        {State: payments.PayPending},
		one("Cancelled", "null"):                              {},
		"[]":                                                  {},
	} {
		p, err := btcpay.ReadPayouts([]byte(text), "p")
		require.NoError(t, err, text)
		require.True(t, want == p, text)
	}
	for _, text := range []string{
		"", "{}", one("Lost", "null"), one("", "null"), one("Completed", proof(payments.Hash{1}, good)), one("Completed", proof(preimage.Hash(), "07")),
		`[{"id":"1","pullPaymentId":"another","state":"Completed"}]`,
		`[{"id":"1","pullPaymentId":"p","state":"Completed"},{"id":"2","pullPaymentId":"p","state":"InProgress"}]`,
	} {
		p, err := btcpay.ReadPayouts([]byte(text), "p")
		require.Error(t, err, text)
		require.True(t, p == payments.Payment{}, text)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  int
		body    string
		kind    error
		outcome payments.Outcome
	}{
		{401, `{"code":"unauthenticated","message":"x"}`, payments.ErrAuth, payments.NotApplied},
		{403, `{"code":"missing-permission","missingPermission":"p","message":"x"}`, payments.ErrAuth, payments.NotApplied},
		{404, `{"code":"invoice-not-found","message":"x"}`, payments.ErrNotFound, payments.NotApplied},
		{422, `[{"path":"amount","message":"x"}]`, payments.ErrInvalid, payments.NotApplied},
		{400, `[{"path":"amount","message":"x"}]`, payments.ErrInvalid, payments.NotApplied},
		{400, `{"code":null,"message":"no wallet"}`, payments.ErrRejected, payments.NotApplied},
		{400, `{"code":"overdraft","message":"x"}`, payments.ErrConflict, payments.NotApplied},
		{400, `{"code":"duplicate-destination","message":"x"}`, payments.ErrConflict, payments.NotApplied},
		{400, `{"code":"expired","message":"x"}`, payments.ErrExpired, payments.NotApplied},
		{400, `{"code":"not-started","message":"x"}`, payments.ErrRejected, payments.NotApplied},
		{400, `{"code":"archived","message":"x"}`, payments.ErrRejected, payments.NotApplied},
		{400, `{"code":"amount-too-low","message":"x"}`, payments.ErrInvalid, payments.NotApplied},
		{400, `{"code":"payment-method-not-supported","message":"x"}`, payments.ErrUnsupported, payments.NotApplied},
		{429, `{"code":"throttled","message":"x"}`, payments.ErrUnavailable, payments.NotApplied},
		// What may have been done.
		{400, generic, payments.ErrRejected, payments.OutcomeUnknown},
		{400, noRoute, payments.ErrNoRoute, payments.OutcomeUnknown},
		{408, `{"code":"x","message":"x"}`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{500, `{"code":"x","message":"x"}`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{503, nodeAway, payments.ErrUnavailable, payments.OutcomeUnknown},
		// What is not BTCPay's says nothing of BTCPay.
		{403, `{"error":"forbidden"}`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{404, `<html>`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{302, ``, payments.ErrUnavailable, payments.OutcomeUnknown},
		{400, `[]`, payments.ErrUnavailable, payments.OutcomeUnknown},
		{400, `[{"path":"x"}]`, payments.ErrUnavailable, payments.OutcomeUnknown},
	} {
		e := btcpay.Failed(c.status, c.body)
		require.ErrorIs(t, e, c.kind, c.body)
		require.Equal(t, c.outcome, e.Outcome, c.body)
	}
}

// Whatever comes, nothing panics, nothing is paid without proof, and no money is
// seen that is not there.
func FuzzRead(f *testing.F) {
	f.Add([]byte(invoiceJSON(nil)), []byte(methodsJSON(f, nil)))
	f.Add([]byte(invoiceJSON(map[string]any{"status": "Expired", "additionalStatus": "PaidLate"})), []byte(methodsJSON(f, paid("0.000015", wireTime, "Settled"))))
	f.Add([]byte(`{"status":"Complete","preimage":"00"}`), []byte(`[{"pullPaymentId":"p","state":"Completed"}]`))
	f.Add([]byte(`{"code":"x","message":"x"}`), []byte(`[{"path":"x","message":"y"}]`))
	hash := payments.Preimage{7}.Hash()
	f.Fuzz(func(t *testing.T, one, two []byte) {
		if inv, err := btcpay.ReadInvoice(one, two, bolt11.Regtest); err == nil {
			require.NotEmpty(t, inv.Status)
			require.Positive(t, inv.Amount)
			require.GreaterOrEqual(t, inv.Received, payments.Msat(0))
			require.Equal(t, inv.Bolt11 == "", inv.Hash.IsZero())
			if inv.Status == payments.Open {
				require.Zero(t, inv.Received)
			}
		} else {
			require.Zero(t, inv)
		}
		if p, err := btcpay.ReadPayment(one, hash); err == nil && p.State == payments.PaySucceeded {
			require.Equal(t, hash, p.Preimage.Hash())
		} else {
			require.True(t, p.Preimage == payments.Preimage{})
		}
		if p, err := btcpay.ReadPayouts(two, "p"); err == nil && p.Preimage != (payments.Preimage{}) {
			require.Equal(t, p.Hash, p.Preimage.Hash())
		}
		require.Error(t, btcpay.ReadReplyError(500, one))
	})
}
