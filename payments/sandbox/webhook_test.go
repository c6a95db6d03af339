package sandbox_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/paymentstest"
	"github.com/dmshop/dmshop/payments/sandbox"
)

// A webhook that is not taken is sent again, as the same delivery.
func TestSendWebhooks(t *testing.T) {
	t.Parallel()
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{WebhookSecrets: []string{"s3cret"}})
	shop, customer := wallet(t, n, "shop"), wallet(t, n, "customer")
	type call struct {
		notices []payments.Notice
		err     error
	}
	calls := make(chan call, 9)
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		notices, err := shop.VerifyWebhook(r.Header, body, time.Now())
		calls <- call{notices, err}
		once.Do(func() { w.WriteHeader(http.StatusServiceUnavailable) })
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error)
	go func() { end <- shop.SendWebhooks(ctx, server.Client(), server.URL) }()

	var first call
	for i := 0; first.notices == nil; i++ { // until it watches
		_, err := pay(customer, create(t, shop, fmt.Sprint("order-", i), 1000))
		require.NoError(t, err)
		select {
		case first = <-calls:
		case <-time.After(100 * time.Millisecond):
		}
	}
	require.NoError(t, first.err)
	require.Equal(t, first, <-calls, "again")
	cancel()
	require.Error(t, <-end)
	requireRefused(t, wallet(t, sandbox.New(payments.NewMemoryKV(), sandbox.Options{}), "shop").SendWebhooks(t.Context(), nil, ""), payments.ErrInvalid)
}

func TestVerifyWebhook_Window(t *testing.T) {
	t.Parallel()
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{WebhookSecrets: []string{"new", "old"}})
	shop := wallet(t, n, "shop")
	body := []byte(`{"type":"invoice_changed","invoice":"x","delivery":"1"}`)
	verify := func(header string, body []byte) error {
		_, err := shop.VerifyWebhook(http.Header{sandbox.SignatureHeader: {header}}, body, start)
		return err
	}
	for age, taken := range map[time.Duration]bool{
		0: true, 5 * time.Minute: true, -5 * time.Minute: true, 301 * time.Second: false, -301 * time.Second: false,
	} {
		err := verify(sandbox.Sign("new", body, start.Add(-age)), body)
		require.Equal(t, taken, err == nil, age)
	}
	two := sandbox.Sign("stranger", body, start) + "," + sandbox.Sign("old", body, start)[len("t=1767366245,"):]
	require.NoError(t, verify(two, body), "one of two signatures is enough")
	require.ErrorIs(t, verify(sandbox.Sign("stranger", body, start), body), payments.ErrAuth)
	moved := "t=1767366246," + sandbox.Sign("new", body, start)[len("t=1767366245,"):]
	require.ErrorIs(t, verify(moved, body), payments.ErrAuth, "the time is signed")
	require.ErrorIs(t, verify(sandbox.Sign("new", []byte("{"), start), []byte("{")), payments.ErrInvalid)

	other := []byte(`{"type":"payout_changed","delivery":"1"}`)
	notices, err := shop.VerifyWebhook(http.Header{sandbox.SignatureHeader: {sandbox.Sign("new", other, start)}}, other, start)
	require.NoError(t, err)
	require.Empty(t, notices, "about something else")

	none := wallet(t, sandbox.New(payments.NewMemoryKV(), sandbox.Options{}), "shop")
	_, err = none.VerifyWebhook(http.Header{sandbox.SignatureHeader: {sandbox.Sign("", body, start)}}, body, start)
	require.ErrorIs(t, err, payments.ErrAuth, "no secret, no webhook")
}

func FuzzVerifyWebhook(f *testing.F) {
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{WebhookSecrets: []string{"s3cret"}})
	shop := wallet(f, n, "shop")
	body := []byte(`{"type":"invoice_changed","invoice":"x"}`)
	f.Add(sandbox.Sign("s3cret", body, start), body, true)
	f.Add("t=1,v1=00", body, false)
	f.Add("", []byte(`{"type":7}`), true)
	f.Fuzz(func(t *testing.T, header string, body []byte, sign bool) {
		if sign { // so that the reader behind the signature is reached
			header = sandbox.Sign("s3cret", body, start)
		}
		notices, err := shop.VerifyWebhook(http.Header{sandbox.SignatureHeader: {header}}, body, start)
		if !sign {
			require.ErrorIs(t, err, payments.ErrAuth)
		}
		if err != nil {
			require.Empty(t, notices)
			return
		}
		for _, n := range notices {
			require.NotEmpty(t, n.ID)
		}
	})
}

func TestSignature(t *testing.T) {
	t.Parallel()
	body := []byte(`{"type":"InvoiceSettled"}`)
	r, err := paymentstest.BTCPay.Request("https://shop.example/hook", "s3cret", body)
	require.NoError(t, err)
	require.Equal(t, http.MethodPost, r.Method)
	got := r.Header.Get(paymentstest.BTCPay.Header)
	require.Contains(t, got, "sha256=")
	require.True(t, payments.VerifyHMAC(got[len("sha256="):], body, "s3cret"))
	require.True(t, payments.VerifyHMAC(paymentstest.Phoenixd.Sign("s3cret", body), body, "s3cret"))
}
