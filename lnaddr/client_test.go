package lnaddr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/lnaddr/lnaddrtest"
	"github.com/dmshop/dmshop/payments/bolt11"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	srv, err := lnaddrtest.Serve(lnaddrtest.Service{Host: "ab.io", Min: 2000, Max: 3000, Comment: 7, Invoice: nobody})
	require.NoError(t, err)
	defer srv.Close()
	c := client(t, func(c *lnaddr.Config) { c.Allow = []lnaddr.Host{srv.Host()} })

	viaLNURL, err := lnaddr.Parse(srv.LNURL("bob"))
	require.NoError(t, err)
	viaLUD17, err := lnaddr.Parse("lnurlp://ab.io/.well-known/lnurlp/bob")
	require.NoError(t, err)
	for _, a := range []lnaddr.Address{srv.Address("bob"), viaLNURL, viaLUD17} {
		p, err := c.Resolve(t.Context(), a)
		require.NoError(t, err)
		require.EqualValues(t, 2000, p.Min)
		require.EqualValues(t, 3000, p.Max)
		require.Equal(t, 7, p.Comment)
		require.Equal(t, "Payment to bob@ab.io", p.About)
	}
	_, err = c.Resolve(t.Context(), lnaddr.Address{})
	require.ErrorIs(t, err, lnaddr.ErrNotAddress)
}

func nobody(context.Context, string, int64) (string, error) { return "", errors.New("no wallet") }

// Each odd first answer ends in the kind of error that says so, and no
// invoice is asked for.
func TestOddServices(t *testing.T) {
	t.Parallel()
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); io.WriteString(w, body) }
	}
	for name, tt := range map[string]struct {
		h     http.HandlerFunc
		kind  error
		cause error
	}{
		"silence":  {slow, lnaddr.ErrUnreachable, nil},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, lnaddr.ErrUnreachable, nil},
		"hangs up half-way": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			io.WriteString(w, "{")
			panic(http.ErrAbortHandler)
		}, lnaddr.ErrUnreachable, nil},
		"big headers":              {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, lnaddr.ErrUnreachable, nil},
		"not JSON":                 {text("<html>alice</html>"), lnaddr.ErrAnswer, nil},
		"nothing":                  {text(""), lnaddr.ErrAnswer, nil},
		"not found":                {status(404, "404 page not found"), lnaddr.ErrAnswer, nil},
		"gateway is down":          {status(502, "<html>bad gateway"), lnaddr.ErrUnreachable, nil},
		"too many requests":        {status(429, "slow down"), lnaddr.ErrUnreachable, nil},
		"error page in JSON":       {status(500, `{"timestamp":"now","status":500,"error":"Internal"}`), lnaddr.ErrAnswer, nil},
		"refusal with status 404":  {status(404, `{"status":"ERROR","reason":"no alice here"}`), lnaddr.ErrRefused, nil},
		"refusal in lower case":    {text(`{"status":"error","reason":"no"}`), lnaddr.ErrRefused, nil},
		"withdraw instead of pay":  {text(params("tag", `"withdrawRequest"`)), lnaddr.ErrAnswer, nil},
		"min over max":             {text(params("minSendable", "2001")), lnaddr.ErrAnswer, nil},
		"no metadata":              {text(params("metadata", `"[]"`)), lnaddr.ErrAnswer, nil},
		"callback by http":         {text(params("callback", `"http://wallet.example/cb"`)), lnaddr.ErrAnswer, nil},
		"callback to loopback":     {text(params("callback", `"https://127.0.0.1/cb"`)), lnaddr.ErrAnswer, nil},
		"callback to another port": {text(params("callback", `"https://wallet.example:6379/cb"`)), lnaddr.ErrAnswer, nil},
		"callback without a host":  {text(params("callback", `"/cb"`)), lnaddr.ErrAnswer, nil},
		"payer data":               {text(params("payerData", `{"email":{"mandatory":true}}`)), lnaddr.ErrPayerData, nil},
		"limits far off":           {text(params("minSendable", "5000", "maxSendable", "9000")), lnaddr.ErrRange, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var callbacks atomic.Int32
			e := fails(t, service(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/cb") {
					callbacks.Add(1)
				}
				tt.h(w, r)
			}, func(c *lnaddr.Config) { c.Timeout = time.Second }))
			require.Equal(t, lnaddr.StepResolve, e.Step)
			require.Equal(t, tt.kind, e.Kind, "%v", e)
			require.Equal(t, "wallet.example", e.Host)
			if tt.cause != nil {
				require.ErrorIs(t, e, tt.cause)
			}
			require.Zero(t, callbacks.Load())
		})
	}
}

// The callback may be on another host, and that one is guarded as well.
func TestTheCallbackIsGuarded(t *testing.T) {
	t.Parallel()
	pr := invoice(t, 1500, nil)
	other, err := lnaddrtest.ServeHandler("pay.example", text(withPR(pr)))
	require.NoError(t, err)
	defer other.Close()
	first := text(params("callback", `"https://pay.example/cb"`))

	c := service(t, first, func(c *lnaddr.Config) { c.Allow = []lnaddr.Host{other.Host()} })
	inv, err := c.Invoice(t.Context(), alice(t), 1500, "")
	require.NoError(t, err)
	require.Equal(t, pr, inv.Bolt11)

	// The same host, not listed: it is a stranger that must be public.
	e := fails(t, service(t, text(params("callback", `"https://localhost.localdomain/cb"`)), quick))
	require.Equal(t, lnaddr.StepFetch, e.Step)
	require.Equal(t, lnaddr.ErrUnreachable, e.Kind)
	require.Equal(t, "localhost.localdomain", e.Host)

	for name, h := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:6379/", http.StatusFound)
		},
		"silence": slow,
	} {
		e := fails(t, service(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/cb" {
				h(w, r)
				return
			}
			io.WriteString(w, params())
		}, quick))
		require.Equal(t, lnaddr.StepFetch, e.Step, name)
		require.Equal(t, lnaddr.ErrUnreachable, e.Kind, name)
	}
	e = fails(t, service(t, pays(params(), `{"pr":"`+strings.Repeat("x", 256<<10)+`"}`)))
	require.Equal(t, lnaddr.ErrAnswer, e.Kind)
	require.ErrorIs(t, e, safedial.ErrTooLarge)
}

// The sandbox's entry is for one exact name; its neighbours are strangers.
func TestOnlyTheListedHostIsReached(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	c := service(t, func(w http.ResponseWriter, _ *http.Request) { hits.Add(1); io.WriteString(w, params()) }, quick)
	for _, s := range []string{"alice@sub.wallet.example", "alice@allet.example", "lnurlp://localhost.localdomain/x"} {
		a, err := lnaddr.Parse(s)
		require.NoError(t, err)
		_, err = c.Resolve(t.Context(), a)
		require.ErrorIs(t, err, lnaddr.ErrUnreachable, s)
	}
	require.Zero(t, hits.Load())
	_, err := c.Resolve(t.Context(), alice(t))
	require.NoError(t, err)
	require.EqualValues(t, 1, hits.Load())
}

func TestACancelledQuestionSaysSo(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	c := service(t, func(w http.ResponseWriter, r *http.Request) { close(asked); slow(w, r) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := c.Resolve(ctx, alice(t))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, lnaddr.ErrUnreachable)
}

func TestNewClientNamesAllFaults(t *testing.T) {
	t.Parallel()
	c, err := lnaddr.NewClient(lnaddr.Config{Network: "mainnet", Margin: -1, Allow: []lnaddr.Host{{Host: "wallet.example"}}})
	require.Nil(t, c)
	for _, want := range []string{"Config.Network", "negative duration", `Config: safedial: allow "wallet.example"`} {
		require.ErrorContains(t, err, want)
	}
	_, err = lnaddr.NewClient(lnaddr.Config{Network: bolt11.Mainnet})
	require.NoError(t, err)
}

func TestCustomerText(t *testing.T) {
	t.Parallel()
	secret := errors.New("dial tcp 10.0.0.7:443: alice")
	for kind, want := range map[error]string{
		lnaddr.ErrNotAddress:  "that is not a Lightning address",
		lnaddr.ErrInvoice:     "that is an invoice; please send",
		lnaddr.ErrOnion:       "Tor",
		lnaddr.ErrUnreachable: "cannot be reached right now",
		lnaddr.ErrAnswer:      "does not take Lightning payments",
		lnaddr.ErrRefused:     "refused.",
		lnaddr.ErrPayerData:   "personal data",
		lnaddr.ErrBadInvoice:  "unusable invoice",
	} {
		text := lnaddr.CustomerText(fmt.Errorf("refund: %w", &lnaddr.Error{Step: lnaddr.StepFetch, Kind: kind, Err: secret, Host: "wallet.example"}))
		require.Contains(t, text, want)
		require.NotContains(t, text, "10.0.0.7")
	}
	require.NotContains(t, lnaddr.CustomerText(secret), "10.0.0.7")
	require.NotEmpty(t, lnaddr.CustomerText(nil))

	for want, r := range map[string][2]int64{
		"takes 1 to 2 sat only":           {1000, 2999},
		"takes 2 to 2 sat only":           {1001, 2000},
		"takes 1 sat and more only":       {1, math.MaxInt64},
		"takes 1500 to 1900 millisatoshi": {1500, 1900},
		"takes 0 to 0 millisatoshi":       {0, 0},
	} {
		require.Contains(t, lnaddr.CustomerText(&lnaddr.Error{Kind: lnaddr.ErrRange, Min: r[0], Max: r[1]}), want)
	}
}
