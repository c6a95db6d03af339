package lnaddrtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/lnaddr/lnaddrtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func echo(_ context.Context, name string, _ int64) (string, error) { return "lnbcrt-for-" + name, nil }

func ask(t *testing.T, h http.Handler, path string) map[string]any {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	var got map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got), w.Body.String())
	return got
}

func TestHandler(t *testing.T) {
	t.Parallel()
	h := lnaddrtest.Handler(lnaddrtest.Service{Host: "wallet.example", Names: []string{"alice"}, Comment: 3, Invoice: echo})
	require.Equal(t, map[string]any{
		"tag": "payRequest", "callback": "https://wallet.example/lnurlp/alice/callback", "commentAllowed": 3.0,
		"minSendable": 1000.0, "maxSendable": 1e11,
		"metadata": `[["text/plain","Payment to alice@wallet.example"],["text/identifier","alice@wallet.example"]]`,
	}, ask(t, h, "/.well-known/lnurlp/alice"))
	require.Equal(t, map[string]any{"pr": "lnbcrt-for-alice", "routes": []any{}, "successAction": nil}, ask(t, h, "/lnurlp/alice/callback?amount=1000&comment=h%C3%A9y"))

	for path, reason := range map[string]string{
		"/.well-known/lnurlp/bob":                         "nobody of that name here",
		"/.well-known/lnurlp/Alice":                       "nobody of that name here",
		"/.well-known/lnurlp/a%2Fb":                       "nobody of that name here",
		"/lnurlp/bob/callback?amount=1000":                "nobody of that name here",
		"/lnurlp/alice/callback":                          "the amount is not between minSendable and maxSendable",
		"/lnurlp/alice/callback?amount=999":               "the amount is not between minSendable and maxSendable",
		"/lnurlp/alice/callback?amount=1000.0":            "the amount is not between minSendable and maxSendable",
		"/lnurlp/alice/callback?amount=100000000001":      "the amount is not between minSendable and maxSendable",
		"/lnurlp/alice/callback?amount=1000&comment=hey!": "the comment is too long",
	} {
		require.Equal(t, map[string]any{"status": "ERROR", "reason": reason}, ask(t, h, path), path)
	}
}

func TestAFailingWalletIsLoggedAndNotQuoted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := lnaddrtest.Handler(lnaddrtest.Service{
		Host: "wallet.example", Logger: slog.New(slog.NewTextHandler(&out, nil)),
		Invoice: func(context.Context, string, int64) (string, error) { return "", errors.New("node is down") },
	})
	require.Equal(t, map[string]any{"status": "ERROR", "reason": "no invoice can be made right now"},
		ask(t, h, "/lnurlp/anybody/callback?amount=1000"))
	require.Equal(t, map[string]any{"status": "ERROR", "reason": "nobody of that name here"},
		ask(t, h, "/lnurlp/Anybody/callback?amount=1000"), "everybody has one spelling")
	require.Contains(t, out.String(), "node is down")
	require.NotContains(t, out.String(), "anybody")
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	_, err := lnaddrtest.Serve(lnaddrtest.Service{Host: "wallet.example"})
	require.ErrorContains(t, err, "Invoice: required")
	for _, host := range []string{"", "localhost", "127.0.0.1", "Wallet.example", "wallet.example:443", "https://wallet.example"} {
		_, err := lnaddrtest.Serve(lnaddrtest.Service{Host: host, Invoice: echo})
		require.ErrorContains(t, err, "want a domain", host)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	srv, err := lnaddrtest.Serve(lnaddrtest.Service{Host: "wallet.example", Invoice: echo})
	require.NoError(t, err)
	require.Equal(t, "wallet.example", srv.Host().Host)
	require.Equal(t, "alice@wallet.example", srv.Address("alice").String())
	a, err := lnaddr.Parse(srv.LNURL("alice"))
	require.NoError(t, err)
	require.Equal(t, "wallet.example", a.Host())
	require.Panics(t, func() { srv.Address("../x") })
	require.Panics(t, func() { srv.LNURL("..") })
	require.NoError(t, srv.Close())
}
