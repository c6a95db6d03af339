package lnd_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/lnd"
)

// double is no lnd: it answers what a real one cannot be brought to say.
func double(t *testing.T, answer http.HandlerFunc) *lnd.Wallet {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	c := goodConfig()
	c.URL, c.Network = server.URL, bolt11.Regtest
	c.Cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return open(t, c)
}

// wireInvoice asks for price under wireHash, made so long ago, for an hour.
func wireInvoice(t *testing.T, age time.Duration) string {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second).Add(-age)
	text, err := bolt11.Sign(bolt11.Invoice{
		Network: bolt11.Regtest, AmountMsat: int64(price), Hash: wireHash, Secret: [32]byte{1},
		CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}, bolt11.Key{31: 1})
	require.NoError(t, err)
	return text
}

func result(payment string) string { return `{"result":` + payment + "}\n" }

// Only the look-up by hash makes a failure, and only a preimage a success:
// what the stream of the payment says is not enough.
func TestPay_TheLookUpDecides(t *testing.T) {
	t.Parallel()
	failed := paymentJSON(map[string]any{"status": "FAILED", "failure_reason": "FAILURE_REASON_NO_ROUTE", "payment_preimage": ""})
	inFlight := paymentJSON(map[string]any{"status": "IN_FLIGHT"})
	notFound := `{"error":{"code":5,"message":"payment isn't initiated"}}`
	for name, c := range map[string]struct {
		sent    string
		status  int // of the look-up
		looked  string
		state   payments.PayState
		kind    error
		outcome payments.Outcome
	}{
		"failed, and so says the look-up": {result(failed), 200, result(failed), "", payments.ErrNoRoute, payments.NotApplied},
		"failed, and tried again":         {result(failed), 200, result(inFlight), payments.PayPending, nil, 0},
		"failed, and it succeeded":        {result(failed), 200, result(paymentJSON(nil)), payments.PaySucceeded, nil, 0},
		"failed, and not found":           {result(failed), 404, notFound, "", payments.ErrUnavailable, payments.OutcomeUnknown},
		"failed, and the look-up fails":   {result(failed), 502, "<html>", "", payments.ErrUnavailable, payments.OutcomeUnknown},
		"broken off":                      {result(inFlight), 200, result(failed), "", payments.ErrUnavailable, payments.OutcomeUnknown},
		"succeeded without a proof":       {result(paymentJSON(map[string]any{"payment_preimage": strings.Repeat("1", 64)})), 200, result(failed), "", payments.ErrUnavailable, payments.OutcomeUnknown},
		"of another hash":                 {result(strings.Replace(failed, wireHash.String(), payments.Hash{9}.String(), 1)), 200, result(failed), "", payments.ErrUnavailable, payments.OutcomeUnknown},
		"an error, and in flight":         {`{"error":{"code":2,"message":"x"}}` + "\n", 200, result(inFlight), payments.PayPending, nil, 0},
		"an error, and not found":         {`{"error":{"code":2,"message":"x"}}` + "\n", 404, notFound, "", payments.ErrRejected, payments.NotApplied},
		"given up, and not found":         {`{"error":{"code":14,"message":"x"}}` + "\n", 404, notFound, "", payments.ErrUnavailable, payments.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := double(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v2/router/send" {
					_, _ = io.WriteString(w, c.sent)
					return
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.looked)
			})
			p, err := w.Pay(t.Context(), payments.PayRequest{Bolt11: wireInvoice(t, 0), Amount: price})
			if c.kind != nil {
				requireOutcome(t, err, c.kind, c.outcome)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.state, p.State)
		})
	}
}

// An expired invoice is never sent, whatever lnd's clock says; it may have been
// paid in time.
func TestPay_ExpiredIsNotSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		looked  string
		kind    error
		outcome payments.Outcome
	}{
		"paid before":       {200, result(paymentJSON(nil)), nil, 0},
		"failed before":     {200, result(paymentJSON(map[string]any{"status": "FAILED"})), payments.ErrExpired, payments.NotApplied},
		"never begun":       {404, `{"error":{"code":5,"message":"payment isn't initiated"}}`, payments.ErrExpired, payments.NotApplied},
		"nobody knows":      {502, "<html>", payments.ErrUnavailable, payments.OutcomeUnknown},
		"may not be looked": {500, `{"code":2,"message":"permission denied"}`, payments.ErrUnavailable, payments.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := double(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v2/router/send" {
					t.Error("it was sent")
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.looked)
			})
			p, err := w.Pay(t.Context(), payments.PayRequest{Bolt11: wireInvoice(t, 2*time.Hour), Amount: price})
			if c.kind != nil {
				requireOutcome(t, err, c.kind, c.outcome)
				return
			}
			require.NoError(t, err)
			require.Equal(t, payments.PaySucceeded, p.State)
		})
	}
}

// While lnd replays, what is new can come twice: the cursor does not go back.
func TestWatch_CursorNeverGoesBack(t *testing.T) {
	t.Parallel()
	w := double(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, index := range []int{5, 7, 6, 7} {
			_, _ = io.WriteString(w, result(invoiceJSON(map[string]any{"state": "SETTLED", "settle_index": fmt.Sprint(index)})))
		}
	})
	var cursors []string
	err := w.Watch(t.Context(), "4", func(_ context.Context, n payments.Notice) error {
		cursors = append(cursors, n.Cursor)
		return nil
	})
	requireOutcome(t, err, payments.ErrUnavailable, payments.NotApplied)
	require.Equal(t, []string{"5", "7", "7", "7"}, cursors)
}

// A redirect is not followed: the macaroon would go with it.
func TestCall_FollowsNoRedirect(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	w := double(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	_, err := w.LookupInvoice(t.Context(), wireHash.String())
	require.ErrorIs(t, err, payments.ErrUnavailable)
	require.EqualValues(t, 1, calls.Load())
}

func TestCall_BoundsTheAnswer(t *testing.T) {
	t.Parallel()
	w := double(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 64 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	_, err := w.LookupInvoice(t.Context(), wireHash.String())
	require.ErrorContains(t, err, "too large")
	err = w.Watch(t.Context(), "", func(context.Context, payments.Notice) error { return nil })
	require.ErrorContains(t, err, "too long")
}

// Another invoice than was asked for is not handed out, and neither is one
// that another key's hash would have.
func TestCreate_ChecksTheInvoice(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"of another hash": fmt.Sprintf(`{"payment_request":%q}`, wireInvoice(t, 0)),
		"none":            `{}`,
		"not JSON":        `<html>`,
	} {
		w := double(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		inv, err := w.CreateInvoice(t.Context(), charge("order"))
		require.Error(t, err, name)
		require.False(t, payments.MayRepeat(err), name)
		require.Zero(t, inv)
	}
}
