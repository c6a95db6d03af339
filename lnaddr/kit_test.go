package lnaddr_test

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/lnaddr/lnaddrtest"
	"github.com/dmshop/dmshop/payments/bolt11"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// preimage is what the payee of every test knows.
var preimage = [32]byte{1, 2, 3}

// invoice signs a good invoice over amount, changed by edit.
func invoice(t testing.TB, amountMsat int64, edit func(*bolt11.Invoice)) string {
	t.Helper()
	key, err := bolt11.NewKey()
	require.NoError(t, err)
	inv := bolt11.Invoice{
		Network: bolt11.Regtest, AmountMsat: amountMsat, Hash: sha256.Sum256(preimage[:]), Secret: [32]byte{9},
		Description: "a refund", CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	if edit != nil {
		edit(&inv)
	}
	s, err := bolt11.Sign(inv, key)
	require.NoError(t, err)
	return s
}

// service runs h under wallet.example and returns a client that can reach it.
func service(t *testing.T, h http.HandlerFunc, edit ...func(*lnaddr.Config)) *lnaddr.Client {
	t.Helper()
	srv, err := lnaddrtest.ServeHandler("wallet.example", h)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	return client(t, append(edit, func(c *lnaddr.Config) { c.Allow = append(c.Allow, srv.Host()) })...)
}

func client(t *testing.T, edit ...func(*lnaddr.Config)) *lnaddr.Client {
	t.Helper()
	cfg := lnaddr.Config{
		Network: bolt11.Regtest,
		Logger:  slog.New(slog.DiscardHandler),
		Now:     func() time.Time { return now },
	}
	for _, e := range edit {
		e(&cfg)
	}
	c, err := lnaddr.NewClient(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdle)
	return c
}

// alice is paid by wallet.example in most tests.
func alice(t testing.TB) lnaddr.Address {
	t.Helper()
	a, err := lnaddr.Parse("alice@wallet.example")
	require.NoError(t, err)
	return a
}

// text answers every request with one body.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

// pays answers the first question well and the second one with pr.
func pays(first, second string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			io.WriteString(w, first)
			return
		}
		io.WriteString(w, second)
	}
}

func withPR(pr string) string {
	b, _ := json.Marshal(map[string]any{"pr": pr, "routes": []string{}})
	return string(b)
}

// fails is the error of fetching an invoice over 1500 msat for alice.
func fails(t *testing.T, c *lnaddr.Client) *lnaddr.Error {
	t.Helper()
	inv, err := c.Invoice(t.Context(), alice(t), 1500, "")
	require.Zero(t, inv)
	var e *lnaddr.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "alice", "errors name no address")
	require.NotContains(t, lnaddr.CustomerText(err), "dmshop")
	return e
}

// slow blocks until the client is gone and leaves the answer unfinished.
func slow(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

func quick(c *lnaddr.Config) { c.Timeout = 200 * time.Millisecond }

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}
