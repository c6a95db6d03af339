package paymentstest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

// Signature is how a sender of webhooks signs: the hex HMAC-SHA256 of the body
// under a secret, in a header.
type Signature struct {
	// Header is its name, Prefix stands before the hex digits.
	Header, Prefix string
}

// Senders that sign so.
var (
	// BTCPay is BTCPay Server.
	BTCPay = Signature{Header: "BTCPay-Sig", Prefix: "sha256="}
	// Phoenixd is phoenixd.
	Phoenixd = Signature{Header: "X-Phoenix-Signature"}
)

// Sign is the header's value.
func (s Signature) Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return s.Prefix + hex.EncodeToString(mac.Sum(nil))
}

// Request is a signed webhook, for a shop's tests of its own endpoint.
func (s Signature) Request(url, secret string, body []byte) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(s.Header, s.Sign(secret, body))
	return r, nil
}

// hook is a webhook about an invoice of the shop, and who verifies it.
func hook(t *testing.T, s Shop) (v payments.WebhookVerifier, id string, header http.Header, body []byte, now time.Time) {
	t.Helper()
	v = capability[payments.WebhookVerifier](t, s.Provider, payments.CanWebhook)
	if s.Webhook == nil {
		t.Fatal("Shop.Webhook: required for a wallet that verifies webhooks")
	}
	inv, err := s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	now = time.Now()
	header, body = s.Webhook(t, inv.ID, now)
	return v, inv.ID, header, body, now
}

func testWebhook(t *testing.T, s Shop) {
	v, id, header, body, now := hook(t, s)
	first, err := v.VerifyWebhook(header, body, now)
	require.NoError(t, err)
	require.Len(t, first, 1)
	require.Equal(t, id, first[0].ID)
	again, err := v.VerifyWebhook(header, body, now)
	require.NoError(t, err)
	require.Equal(t, first, again, "it keeps nothing")
	awaitStatus(t, s, first[0].ID, payments.Open)
}

func testWebhookRefused(t *testing.T, s Shop) {
	v, _, header, body, now := hook(t, s)
	signed := 0
	for name, values := range header {
		if name == "Content-Type" {
			continue
		}
		signed++
		for what, value := range map[string]string{
			"none": "", "cut": values[0][:len(values[0])-1], "longer": values[0] + "0", "changed": flip(values[0]), "nonsense": "\x00=,,=",
		} {
			spoilt := header.Clone()
			spoilt.Set(name, value)
			_, err := v.VerifyWebhook(spoilt, body, now)
			requireError(t, err, payments.ErrAuth)
			require.NotContains(t, err.Error(), values[0], what)
		}
	}
	require.Positive(t, signed, "no header signs it")
	for what, other := range map[string][]byte{
		"none": nil, "cut": body[:len(body)-1], "longer": append(bytes.Clone(body), ' '), "another": []byte(`{"id":"order-2"}`),
	} {
		_, err := v.VerifyWebhook(header, other, now)
		require.ErrorIs(t, err, payments.ErrAuth, what)
	}
	_, err := v.VerifyWebhook(http.Header{}, body, now)
	requireError(t, err, payments.ErrAuth)
}

// flip changes the last hex digit.
func flip(s string) string {
	last := byte('0')
	if s[len(s)-1] == last {
		last = '1'
	}
	return s[:len(s)-1] + string(last)
}
