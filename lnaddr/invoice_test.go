package lnaddr_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/payments/bolt11"
)

func TestInvoice(t *testing.T) {
	t.Parallel()
	pr := invoice(t, 1500, nil)
	var asked atomic.Value
	c := service(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cb" {
			asked.Store(r.URL.RawQuery)
			w.WriteHeader(http.StatusTeapot) // the status does not matter (LUD-01)
			fmt.Fprintf(w, `{"pr":%q,"successAction":{"tag":"aes","ciphertext":"!","iv":""},"verify":"https://wallet.example/v/1"}`, pr)
			return
		}
		require.Equal(t, "/.well-known/lnurlp/alice", r.URL.Path)
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, params("callback", `"https://wallet.example/cb?z=1&sig=%2B+x&a="`, "commentAllowed", "5"))
	})
	inv, err := c.Invoice(t.Context(), alice(t), 1500, "réfund & more")
	require.NoError(t, err)
	require.Equal(t, pr, inv.Bolt11)
	require.Equal(t, sha256.Sum256(preimage[:]), inv.Hash)
	require.EqualValues(t, 1500, inv.AmountMsat)
	require.Equal(t, now.Add(time.Hour), inv.ExpiresAt)
	require.NotZero(t, inv.Payee)
	require.Equal(t, "https://wallet.example/v/1", inv.VerifyURL)
	require.Equal(t, "z=1&sig=%2B+x&a=&amount=1500&comment=r%C3%A9fun", asked.Load(), "the callback's query stays as it is")
}

func TestACommentIsNotSentUninvited(t *testing.T) {
	t.Parallel()
	pr := invoice(t, 1500, nil)
	c := service(t, func(w http.ResponseWriter, r *http.Request) {
		require.False(t, r.URL.Query().Has("comment"))
		pays(params("callback", `"https://wallet.example/cb"`), withPR(pr))(w, r)
	})
	_, err := c.Invoice(t.Context(), alice(t), 1500, "a refund")
	require.NoError(t, err)
}

func TestInvoicesThatAreRefused(t *testing.T) {
	t.Parallel()
	good := invoice(t, 1500, nil)
	flip := []byte(good)
	flip[len(flip)-120] ^= 'q' ^ 'p'
	for name, tt := range map[string]struct {
		pr    string
		cause error
		text  string
	}{
		"more":           {invoice(t, 1501, nil), nil, "over 1501 msat, not 1500"},
		"less":           {invoice(t, 1499, nil), nil, "over 1499 msat"},
		"a thousandfold": {invoice(t, 1_500_000, nil), nil, "over 1500000 msat"},
		"no amount":      {invoice(t, 0, nil), nil, "names no amount"},
		"mainnet":        {invoice(t, 1500, func(i *bolt11.Invoice) { i.Network = bolt11.Mainnet }), bolt11.ErrNetwork, ""},
		"testnet":        {invoice(t, 1500, func(i *bolt11.Invoice) { i.Network = bolt11.Testnet }), bolt11.ErrNetwork, ""},
		"signet":         {invoice(t, 1500, func(i *bolt11.Invoice) { i.Network = bolt11.Signet }), bolt11.ErrNetwork, ""},
		"expired": {invoice(t, 1500, func(i *bolt11.Invoice) { i.CreatedAt, i.ExpiresAt = now.Add(-time.Hour), now }), nil,
			"has expired"},
		"about to expire": {invoice(t, 1500, func(i *bolt11.Invoice) { i.ExpiresAt = now.Add(30 * time.Second) }), nil, "expires within 30s"},
		"for ever":        {invoice(t, 1500, func(i *bolt11.Invoice) { i.ExpiresAt = now.Add(32 * 24 * time.Hour) }), nil, "lives for more than"},
		"locks for long":  {invoice(t, 1500, func(i *bolt11.Invoice) { i.MinFinalCLTV = 433 }), nil, "433 blocks"},
		"damaged":         {string(flip), bolt11.ErrMalformed, ""},
		"cut off":         {good[:len(good)-1], bolt11.ErrMalformed, ""},
		"not an invoice":  {"lnurl1dp68gurn8ghj7", bolt11.ErrMalformed, ""},
		"an address":      {"bob@wallet.example", bolt11.ErrMalformed, ""},
		"huge":            {"lnbcrt" + strings.Repeat("q", 20_000), bolt11.ErrMalformed, ""},
		"with a prefix":   {"lightning:" + good, bolt11.ErrMalformed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := fails(t, service(t, pays(params(), withPR(tt.pr))))
			require.Equal(t, lnaddr.StepCheck, e.Step)
			require.Equal(t, lnaddr.ErrBadInvoice, e.Kind)
			require.Equal(t, "wallet.example", e.Host)
			require.ErrorContains(t, e, tt.text)
			if tt.cause != nil {
				require.ErrorIs(t, e, tt.cause)
			}
		})
	}
}

func TestLimitsAreIncluded(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*bolt11.Invoice){
		"just long enough": func(i *bolt11.Invoice) { i.ExpiresAt = now.Add(31 * time.Second) },
		"longest":          func(i *bolt11.Invoice) { i.ExpiresAt = now.Add(31 * 24 * time.Hour) },
		"most blocks":      func(i *bolt11.Invoice) { i.MinFinalCLTV = 432 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := service(t, pays(params(), withPR(invoice(t, 1500, edit)))).Invoice(t.Context(), alice(t), 1500, "")
			require.NoError(t, err)
		})
	}
}

func TestSecondAnswersThatAreRefused(t *testing.T) {
	t.Parallel()
	for body, kind := range map[string]error{
		`{}`:                    lnaddr.ErrAnswer,
		`{"pr":""}`:             lnaddr.ErrAnswer,
		`{"pr":null}`:           lnaddr.ErrAnswer,
		`{"pr":7}`:              lnaddr.ErrAnswer,
		`{"routes":[]}`:         lnaddr.ErrAnswer,
		`"` + someInvoice + `"`: lnaddr.ErrAnswer,
		someInvoice:             lnaddr.ErrAnswer,
		`{"status":"error","reason":"the wallet is full"}`: lnaddr.ErrRefused,
	} {
		e := fails(t, service(t, pays(params(), body)))
		require.Equal(t, lnaddr.StepFetch, e.Step, body)
		require.Equal(t, kind, e.Kind, body)
	}
}

func TestTheAmountIsCheckedBeforeAnInvoiceIsAskedFor(t *testing.T) {
	t.Parallel()
	c := service(t, func(w http.ResponseWriter, r *http.Request) {
		require.NotEqual(t, "/cb", r.URL.Path)
		io.WriteString(w, params())
	})
	for _, amount := range []int64{-1, 0, 1, 999, 2001, 1 << 62} {
		_, err := c.Invoice(t.Context(), alice(t), amount, "")
		require.ErrorIs(t, err, lnaddr.ErrRange, amount)
		require.Equal(t, "that address takes 1 to 2 sat only.", lnaddr.CustomerText(err))
	}
	_, err := c.Fetch(t.Context(), lnaddr.Params{}, 1, "")
	require.ErrorIs(t, err, lnaddr.ErrRange)
	_, err = c.Fetch(t.Context(), lnaddr.Params{Min: 1, Max: 9}, 1, "")
	require.ErrorIs(t, err, lnaddr.ErrAnswer, "params made up by hand lead nowhere")
}

func TestADescriptionHashIsComparedAndOnlyLogged(t *testing.T) {
	t.Parallel()
	metadata := strings.ReplaceAll(about, `\"`, `"`)
	for name, tt := range map[string]struct {
		hash [32]byte
		warn bool
	}{
		"right": {sha256.Sum256([]byte(metadata)), false},
		"wrong": {[32]byte{7}, true},
		"none":  {[32]byte{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			pr := invoice(t, 1500, func(i *bolt11.Invoice) { i.Description, i.DescriptionHash = "", tt.hash })
			c := service(t, pays(params(), withPR(pr)), func(c *lnaddr.Config) { c.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
			_, err := c.Invoice(t.Context(), alice(t), 1500, "")
			require.NoError(t, err)
			require.Equal(t, tt.warn, strings.Contains(out.String(), "description hash"), out.String())
			require.NotContains(t, out.String(), "alice")
		})
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	hash, known := sha256.Sum256(preimage[:]), hex.EncodeToString(preimage[:])
	for body, want := range map[string]bool{
		`{"status":"OK","settled":true,"preimage":"` + known + `","pr":"x"}`: true,
		`{"settled":true,"preimage":"` + strings.ToUpper(known) + `"}`:       true,
		`{"settled":false,"preimage":"` + known + `"}`:                       false,
		`{"settled":true,"preimage":null}`:                                   false,
		`{"settled":true}`:                                                   false,
		`{"settled":true,"preimage":"` + strings.Repeat("00", 32) + `"}`:     false,
		`{"settled":true,"preimage":"` + known + `00"}`:                      false,
		`{"settled":"true","preimage":"` + known + `"}`:                      false,
		`{"settled":1,"preimage":7}`:                                         false,
	} {
		ok, err := service(t, text(body)).Verify(t.Context(), "https://wallet.example/v", hash)
		require.NoError(t, err, body)
		require.Equal(t, want, ok, body)
	}
	c := service(t, text(`{"status":"ERROR","reason":"Not found"}`))
	_, err := c.Verify(t.Context(), "https://wallet.example/v", hash)
	require.ErrorIs(t, err, lnaddr.ErrRefused)
	_, err = c.Verify(t.Context(), "http://wallet.example/v", hash)
	require.ErrorIs(t, err, lnaddr.ErrAnswer)
	_, err = c.Verify(t.Context(), "", hash)
	require.ErrorIs(t, err, lnaddr.ErrAnswer)

	// A verify URL that leads elsewhere is not kept.
	pr := invoice(t, 1500, nil)
	for _, v := range []string{`"http://wallet.example/v"`, `"https://127.0.0.1/v"`, `7`, `null`} {
		inv, err := service(t, pays(params(), fmt.Sprintf(`{"pr":%q,"verify":%s}`, pr, v))).Invoice(t.Context(), alice(t), 1500, "")
		require.NoError(t, err)
		require.Empty(t, inv.VerifyURL)
	}
}
