package btcpay_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/btcpay"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

// verifier is a wallet that makes no connection.
func verifier(t testing.TB, secrets ...btcpay.WebhookSecret) *btcpay.Wallet {
	t.Helper()
	return open(t, btcpay.Config{
		URL: "https://btcpay.example", StoreID: btcpaytest.StoreID, APIKey: "key", Network: bolt11.Regtest, WebhookSecrets: secrets,
	})
}

func verify(w *btcpay.Wallet, secret string, body []byte) ([]payments.Notice, error) {
	header := http.Header{}
	header.Set(paymentstest.BTCPay.Header, paymentstest.BTCPay.Sign(secret, body))
	return w.VerifyWebhook(header, body, time.Now())
}

func TestVerifyWebhook(t *testing.T) {
	t.Parallel()
	w := verifier(t, "new", "old")
	const id = "HMprBnL9BTXWuPvpoKBS6e"
	again := btcpaytest.Event{Type: "InvoiceSettled", Invoice: id, Delivery: "second", Original: "first", Again: true}
	for name, c := range map[string]struct {
		body []byte
		want []payments.Notice
	}{
		"first":           {btcpaytest.Event{Type: "InvoiceSettled", Invoice: id, Delivery: "first"}.Body(), []payments.Notice{{ID: id, Delivery: "first"}}},
		"sent again":      {again.Body(), []payments.Notice{{ID: id, Delivery: "first"}}},
		"misspelt":        {bytes.Replace(again.Body(), []byte("originalDeliveryId"), []byte("orignalDeliveryId"), 1), []payments.Notice{{ID: id, Delivery: "first"}}},
		"no original":     {bytes.Replace(again.Body(), []byte("originalDeliveryId"), []byte("x"), 1), []payments.Notice{{ID: id, Delivery: "second"}}},
		"not in the docs": {btcpaytest.Event{Type: "InvoicePaidAfterExpiration", Invoice: id, Delivery: "d"}.Body(), []payments.Notice{{ID: id, Delivery: "d"}}},
		"of the future":   {btcpaytest.Event{Type: "InvoiceAbducted", Invoice: id, Delivery: "d"}.Body(), []payments.Notice{{ID: id, Delivery: "d"}}},
		"a payout":        {btcpaytest.Event{Type: "PayoutUpdated", More: map[string]any{"payoutId": "p"}}.Body(), nil},
		"a subscriber":    {btcpaytest.Event{Type: "SubscriberCreated"}.Body(), nil},
		"another store":   {btcpaytest.Event{Type: "InvoiceSettled", Invoice: id, Store: "another"}.Body(), nil},
		"a path":          {btcpaytest.Event{Type: "InvoiceSettled", Invoice: "../" + id}.Body(), nil},
		"no invoice":      {btcpaytest.Event{Type: "InvoiceSettled"}.Body(), nil},
	} {
		for _, secret := range []string{"new", "old"} {
			got, err := verify(w, secret, c.body)
			require.NoError(t, err, name)
			require.Equal(t, c.want, got, name)
		}
		_, err := verify(w, "stranger", c.body)
		requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
	}
	for _, bad := range []string{"", "{", "[]", `"x"`, `{"type":7}`} {
		_, err := verify(w, "new", []byte(bad))
		requireOutcome(t, err, payments.ErrInvalid, payments.NotApplied)
	}
	body := again.Body()
	for name, signature := range map[string]string{
		"none": "", "no prefix": strings.TrimPrefix(paymentstest.BTCPay.Sign("new", body), "sha256="),
		"another hash": "sha1=" + strings.Repeat("0", 40), "empty": "sha256=",
	} {
		_, err := w.VerifyWebhook(http.Header{"Btcpay-Sig": {signature}}, body, time.Now())
		require.ErrorIs(t, err, payments.ErrAuth, name)
	}
	_, err := verify(verifier(t), "", body)
	requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
}

// The webhook is made once, and set right when the secret was rotated.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const url = "https://shop.example/hook"
	for range 2 {
		require.NoError(t, s.Subscribe(t.Context(), url))
	}
	_, answer := s.raw(t, "GET", storePath+"/webhooks", "")
	require.Equal(t, 1, strings.Count(answer, url))
	require.NoError(t, s.Subscribe(t.Context(), url+"2"))
	_, answer = s.raw(t, "GET", storePath+"/webhooks", "")
	require.Equal(t, 2, strings.Count(answer, url))
	require.NotContains(t, answer, "InvoiceCreated", "it changes nothing")

	s.server.Fail(btcpaytest.Fault{Method: "POST", Path: "/webhooks"})
	requireOutcome(t, s.Subscribe(t.Context(), url+"3"), payments.ErrUnavailable, payments.OutcomeUnknown)
	require.NoError(t, s.Subscribe(t.Context(), url+"3"))
	_, answer = s.raw(t, "GET", storePath+"/webhooks", "")
	require.Equal(t, 3, strings.Count(answer, url))

	require.ErrorIs(t, s.Subscribe(t.Context(), ""), payments.ErrInvalid)
	require.ErrorIs(t, verifier(t).Subscribe(t.Context(), url), payments.ErrInvalid)
	s.server.Set(func(now *btcpaytest.Settings) { now.Missing = []string{"btcpay.store.webhooks.canmodifywebhooks"} })
	requireOutcome(t, s.Subscribe(t.Context(), url), payments.ErrAuth, payments.NotApplied)
}

func FuzzVerifyWebhook(f *testing.F) {
	w := verifier(f, "new", "old")
	f.Add(btcpaytest.Event{Type: "InvoiceSettled", Invoice: "x"}.Body(), "", true)
	f.Add([]byte(`{"type":"InvoiceSettled","storeId":7}`), "sha256=00", false)
	f.Add([]byte(`{"type":"Invoice","invoiceId":"a","invoiceId":["b"]}`), "", true)
	f.Fuzz(func(t *testing.T, body []byte, signature string, sign bool) {
		if sign { // so that the reader behind the signature is reached
			signature = paymentstest.BTCPay.Sign("old", body)
		}
		notices, err := w.VerifyWebhook(http.Header{"Btcpay-Sig": {signature}}, body, time.Now())
		if !sign && signature != paymentstest.BTCPay.Sign("old", body) && signature != paymentstest.BTCPay.Sign("new", body) {
			require.ErrorIs(t, err, payments.ErrAuth)
		}
		if err != nil {
			require.Empty(t, notices)
		}
		for _, n := range notices {
			require.NotEmpty(t, n.ID)
			require.NotContains(t, n.ID, "/")
		}
	})
}
