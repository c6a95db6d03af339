package btcpay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/btcpay"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
)

func goodConfig() btcpay.Config {
	return btcpay.Config{
		URL: "https://btcpay.example/", StoreID: "8tPsJyZGGBF", APIKey: "s3cretkey", Network: bolt11.Mainnet,
		WebhookSecrets: []btcpay.WebhookSecret{"s3crethook"},
	}
}

func TestNew_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	w, err := btcpay.New(goodConfig())
	require.NoError(t, err)
	require.Equal(t, "btcpay store 8tPsJyZGGBF at https://btcpay.example", w.String())
	for _, url := range []string{"http://127.0.0.1:49392", "http://[::1]:1", "http://localhost:1", "https://btcpay.example/sub"} {
		c := goodConfig()
		c.URL = url
		_, err := btcpay.New(c)
		require.NoError(t, err, url)
	}
	for setting, spoil := range map[string]func(*btcpay.Config){
		"URL: not an URL":    func(c *btcpay.Config) { c.URL = "https://\x00" },
		"URL: want \"https":  func(c *btcpay.Config) { c.URL = "http://btcpay.example" }, // the key in the clear
		"URL: want \"https:": func(c *btcpay.Config) { c.URL = "" },
		"URL: want no":       func(c *btcpay.Config) { c.URL = "https://me:secret@btcpay.example" },
		"URL: want no more":  func(c *btcpay.Config) { c.URL = "https://btcpay.example?x" },
		"StoreID":            func(c *btcpay.Config) { c.StoreID = "../x" },
		"APIKey":             func(c *btcpay.Config) { c.APIKey = "" },
		"Network":            func(c *btcpay.Config) { c.Network = "" },
		"WebhookSecrets":     func(c *btcpay.Config) { c.WebhookSecrets = append(c.WebhookSecrets, "") },
		"PayTimeout":         func(c *btcpay.Config) { c.PayTimeout = time.Millisecond },
	} {
		c := goodConfig()
		spoil(&c)
		_, err := btcpay.New(c)
		require.ErrorContains(t, err, setting)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err = btcpay.New(btcpay.Config{})
	for _, setting := range []string{"URL", "StoreID", "APIKey", "Network"} {
		require.ErrorContains(t, err, setting, "all at once")
	}
}

func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	c := goodConfig()
	w, err := btcpay.New(c)
	require.NoError(t, err)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb, c)
		_, _ = fmt.Fprintf(&out, verb, w)
		_, _ = fmt.Fprintf(&out, verb, c.APIKey)
		_, _ = fmt.Fprintf(&out, verb, c.WebhookSecrets)
	}
	text, err := json.Marshal(c)
	require.NoError(t, err)
	out.Write(text)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c, "wallet", w, "key", c.APIKey, "secret", c.WebhookSecrets[0])
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c, "wallet", w, "key", c.APIKey, "secret", c.WebhookSecrets[0])
	require.Contains(t, out.String(), "REDACTED")
	require.NotContains(t, out.String(), "s3cret")
	require.NotContains(t, out.String(), fmt.Sprintf("%x", "s3cret"))
}

// Errors name neither the API key, nor a pull payment, nor a destination.
func TestErrors_NameNoSecrets(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	attempt := s.prepare(t, refund("order"))
	pull := pullOf(t, attempt)
	s.server.Close()
	for _, call := range []func() error{
		func() error { _, err := s.CreateInvoice(t.Context(), charge("order")); return err },
		func() error { _, err := s.ExecuteRefund(t.Context(), attempt); return err },
		func() error { _, err := s.RefundStatus(t.Context(), attempt); return err },
	} {
		err := call()
		require.Error(t, err)
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		for _, secret := range []string{btcpaytest.APIKey, pull, address} {
			require.NotContains(t, text, secret)
		}
	}
}

// Whoever redirects does not get the API key.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer thief.Close()
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	c := goodConfig()
	c.URL = server.URL
	_, err := open(t, c).CreateInvoice(t.Context(), charge("order"))
	require.ErrorIs(t, err, payments.ErrUnavailable)
	require.Zero(t, calls.Load())
}

// A body without an end is not read to the end; a Retry-After is passed on.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/busy") {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"code":"throttled","message":"slower"}`))
			return
		}
		flood := bytes.Repeat([]byte("x"), 1<<20)
		for {
			if _, err := w.Write(flood); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	c := goodConfig()
	c.URL = server.URL
	w := open(t, c)
	_, err := w.LookupInvoice(t.Context(), "endless")
	requireOutcome(t, err, payments.ErrUnavailable, payments.NotApplied)
	require.ErrorContains(t, err, "too large")
	_, err = w.LookupInvoice(t.Context(), "busy")
	e := requireOutcome(t, err, payments.ErrUnavailable, payments.NotApplied)
	require.Equal(t, 7*time.Second, e.RetryAfter)
}
