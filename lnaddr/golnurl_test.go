package lnaddr_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/internal/safedial/safedialtest"
	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// TestGoLNURL has a test for each fault of go-lnurl 1.13.1, whose codec and
// types this package uses, that shows that it is not ours. Its panics on
// damaged success actions are in TestSuccessAction_Damaged.
func TestGoLNURL(t *testing.T) {
	t.Parallel()
	url := func(t *testing.T, s string) string {
		t.Helper()
		a, err := lnaddr.Parse(s)
		require.NoError(t, err)
		return a.URL()
	}
	refuses := func(t *testing.T, texts ...string) {
		t.Helper()
		for _, s := range texts {
			_, err := lnaddr.Parse(s)
			require.ErrorIs(t, err, lnaddr.ErrNotAddress, s)
		}
	}
	good := invoice(t, 1500, nil)
	for name, test := range map[string]func(*testing.T){
		"a domain of 5 characters is asked over http": func(t *testing.T) {
			for _, domain := range []string{"ab.io", "x.com", "me.sh"} {
				require.Equal(t, "https://"+domain+"/.well-known/lnurlp/x", url(t, "x@"+domain))
			}
		},
		"decoding lowers the case of paths": func(t *testing.T) {
			require.Equal(t, "https://wallet.example/Pay/AbC?K=V", url(t, "lnurlp://wallet.example/Pay/AbC?K=V"))
			require.Equal(t, "https://wallet.example/Pay/AbC?K=V", url(t, bech32(t, "https://wallet.example/Pay/AbC?K=V")))
		},
		"onion is asked over https": func(t *testing.T) {
			require.Equal(t, "http://"+onion+".onion/x", url(t, "lnurlp://"+onion+".onion/x"))
			require.Equal(t, "http://"+onion+".onion/x", url(t, bech32(t, "http://"+onion+".onion/x")))
		},
		"a local part is a path": func(t *testing.T) {
			refuses(t, "a/../../admin?x=@evil.example", "a/b@evil.example", "a%2f@evil.example")
		},
		"ports, IP addresses and fragments pass": func(t *testing.T) {
			refuses(t, "a@wallet.example:8080", "a@10.0.0.1", "a@wallet.example#x", "a#x@wallet.example", bech32(t, "https://wallet.example:8080/"))
		},
		"http to private addresses is accepted": func(t *testing.T) {
			refuses(t, "http://10.0.0.1/x", bech32(t, "http://127.0.0.1"), bech32(t, "http://10.0.0.1/x"), bech32(t, "https://10.0.0.1/x"))
		},
		"redirects are followed to http and loopback": func(t *testing.T) {
			tr := safedialtest.NewTrap(t)
			e := fails(t, service(t, redirect("http://"+tr.Address("127.0.0.1")+"/")))
			require.ErrorIs(t, e, safedial.ErrRedirect)
			require.Zero(t, tr.Visits(t))
		},
		"the callback's scheme and host are unchecked": func(t *testing.T) {
			for _, callback := range []string{"http://wallet.example/cb", "https://127.0.0.1/cb", "ftp://wallet.example/cb", "https://u:p@wallet.example/cb", "/cb", ""} {
				require.Equal(t, lnaddr.ErrAnswer, fails(t, service(t, text(params("callback", fmt.Sprintf("%q", callback))))).Kind, callback)
			}
		},
		"64 MiB are read": func(t *testing.T) {
			var taken atomic.Int64
			require.ErrorIs(t, fails(t, service(t, flood(&taken, strings.Repeat(" ", 1<<16)))), safedial.ErrTooLarge)
			require.Less(t, taken.Load(), int64(8<<20))
		},
		"min may be over max": func(t *testing.T) {
			require.Equal(t, lnaddr.ErrAnswer, fails(t, service(t, text(params("minSendable", "3000")))).Kind)
		},
		"the amount is not held against min and max": func(t *testing.T) {
			for _, limits := range [][2]string{{"1501", "2000"}, {"1", "1499"}} {
				e := fails(t, service(t, text(params("minSendable", limits[0], "maxSendable", limits[1]))))
				require.Equal(t, lnaddr.ErrRange, e.Kind)
			}
		},
		"commentAllowed is unused": func(t *testing.T) {
			sent := make(chan string, 1)
			c := service(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/cb" {
					sent <- r.URL.Query().Get("comment")
				}
				pays(params("commentAllowed", "3"), withPR(good))(w, r)
			})
			_, err := c.Invoice(t.Context(), alice(t), 1500, "éèêë")
			require.NoError(t, err)
			require.Equal(t, "éèê", <-sent)
		},
		"1000.0 is no number": func(t *testing.T) {
			c := service(t, pays(params("minSendable", "1000.0", "maxSendable", "2000.00"), withPR(good)))
			_, err := c.Invoice(t.Context(), alice(t), 1500, "")
			require.NoError(t, err)
		},
		"status error in lower case is missed": func(t *testing.T) {
			e := fails(t, service(t, text(params("status", `"error"`, "reason", `"closed"`))))
			require.Equal(t, lnaddr.ErrRefused, e.Kind)
			require.Equal(t, "closed", e.Reason)
		},
		"empty metadata is accepted": func(t *testing.T) {
			for _, metadata := range []string{`""`, `"[]"`, ``, `"{}"`, `"[[\"text/plain\"]]"`} {
				require.Equal(t, lnaddr.ErrAnswer, fails(t, service(t, text(params("metadata", metadata)))).Kind, metadata)
			}
		},
		"no context": func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := service(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); slow(nil, r) })
			_, err := c.Invoice(ctx, alice(t), 1500, "")
			require.ErrorIs(t, err, context.Canceled)
		},
		"one client for the whole process": func(t *testing.T) {
			there := service(t, pays(params(), withPR(good)))
			elsewhere := client(t, quick) // a sandbox host is let through by the client that lists it
			_, err := there.Invoice(t.Context(), alice(t), 1500, "")
			require.NoError(t, err)
			_, err = elsewhere.Invoice(t.Context(), alice(t), 1500, "")
			require.ErrorIs(t, err, lnaddr.ErrUnreachable)
		},
		"no check of network and expiry": func(t *testing.T) {
			for _, edit := range []func(*bolt11.Invoice){
				func(i *bolt11.Invoice) { i.Network = bolt11.Mainnet },
				func(i *bolt11.Invoice) { i.CreatedAt, i.ExpiresAt = now.Add(-2*time.Hour), now.Add(-time.Hour) },
			} {
				require.Equal(t, lnaddr.ErrBadInvoice, fails(t, service(t, pays(params(), withPR(invoice(t, 1500, edit))))).Kind)
			}
		},
		"no check of the description hash": func(t *testing.T) {
			var out bytes.Buffer
			pr := invoice(t, 1500, func(i *bolt11.Invoice) { i.Description, i.DescriptionHash = "", sha256.Sum256([]byte("another")) })
			c := service(t, pays(params(), withPR(pr)), func(c *lnaddr.Config) { c.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
			_, err := c.Invoice(t.Context(), alice(t), 1500, "")
			require.NoError(t, err)
			require.Contains(t, out.String(), "description hash")
		},
		"no proof of payment": func(t *testing.T) {
			c := service(t, text(fmt.Sprintf(`{"settled":true,"preimage":"%x"}`, preimage)))
			paid, err := c.Verify(t.Context(), "https://wallet.example/v", sha256.Sum256(preimage[:]))
			require.NoError(t, err)
			require.True(t, paid)
		},
		"the callback's query is reordered and gets __n": func(t *testing.T) {
			sent := make(chan string, 1)
			c := service(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/cb" {
					sent <- r.URL.RawQuery
				}
				pays(params("callback", `"https://wallet.example/cb?z=1&a=2"`), withPR(good))(w, r)
			})
			p, err := c.Resolve(t.Context(), alice(t))
			require.NoError(t, err)
			for range 2 { // and it is not kept in the params
				_, err = c.Fetch(t.Context(), p, 1500, "")
				require.NoError(t, err)
				require.Equal(t, "z=1&a=2&amount=1500", <-sent)
			}
		},
		"bodies are left open": func(t *testing.T) {
			// goleak.VerifyTestMain would find the connection.
			c := service(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "not JSON") })
			require.Equal(t, lnaddr.ErrAnswer, fails(t, c).Kind)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// With a proxy, an onion address is asked there; without one it says so.
func TestOnionIsAskedThroughTheProxy(t *testing.T) {
	t.Parallel()
	a, err := lnaddr.Parse("alice@" + onion + ".onion")
	require.NoError(t, err)
	_, err = client(t).Resolve(t.Context(), a)
	require.ErrorIs(t, err, lnaddr.ErrOnion)
	require.Contains(t, lnaddr.CustomerText(err), "Tor")
	require.NotErrorIs(t, err, lnaddr.ErrUnreachable, "it will not work later")

	pr := invoice(t, 1500, nil)
	hidden := http.Server{ReadHeaderTimeout: time.Second, Handler: pays(params("callback", `"http://`+onion+`.onion/cb"`), withPR(pr))}
	l := listen(t)
	go func() { _ = hidden.Serve(l) }()
	defer hidden.Close()
	tor := safedialtest.NewOnion(t, l.Addr().String())
	c := client(t, func(c *lnaddr.Config) { c.Onion = tor.Address })
	inv, err := c.Invoice(t.Context(), a, 1500, "")
	require.NoError(t, err)
	require.Equal(t, pr, inv.Bolt11)
	c.CloseIdle()
	for _, asked := range tor.Asked() {
		require.Equal(t, onion+".onion:80", asked)
	}
}
