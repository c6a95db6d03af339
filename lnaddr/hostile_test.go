package lnaddr_test

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/internal/safedial/safedialtest"
	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/lnaddr/lnaddrtest"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// hostile is an address, or the service behind it, that means harm.
type hostile struct {
	class, name string
	address     string           // empty: alice@wallet.example
	first       http.HandlerFunc // answers as wallet.example; nil: well
	second      http.HandlerFunc // at the callback; nil: with a good invoice
	resolves    []string         // what the other hosts are, one after the other
	step        lnaddr.Step
	kind, cause error
	says        string // part of the error
}

const (
	hostileTimeout = 400 * time.Millisecond
	// hostileLimit is when each of two exchanges was cut off, and some.
	hostileLimit = 2*hostileTimeout + 2*time.Second
)

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// flood sends 64 MiB, and counts what was taken.
func flood(taken *atomic.Int64, chunk string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for range (64 << 20) / len(chunk) {
			n, err := io.WriteString(w, chunk)
			taken.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
}

// drip sends a byte at a time for as long as somebody listens.
func drip(head string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, head)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
				_, _ = io.WriteString(w, " ")
			case <-r.Context().Done():
				tick.Stop()
				panic(http.ErrAbortHandler) // no proper end, not even now
			}
		}
	}
}

func hostiles(t *testing.T, taken *atomic.Int64) []hostile {
	t.Helper()
	var all []hostile
	add := func(h hostile) { all = append(all, h) }

	for _, literal := range []string{
		"127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "[::1]", "[::ffff:127.0.0.1]",
		"[64:ff9b::7f00:1]", "１２７.0.0.1", "169.254.169.254", "localhost",
	} {
		add(hostile{class: "private address, spelt out", name: literal, address: "alice@" + literal, step: lnaddr.StepParse, kind: lnaddr.ErrNotAddress})
	}
	for _, ip := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255",
		"::1", "::", "fd00::1", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
	} {
		add(hostile{
			class: "private address, by name", name: ip, address: "alice@evil.example", resolves: []string{ip},
			step: lnaddr.StepResolve, kind: lnaddr.ErrUnreachable, cause: safedial.ErrAddress,
		})
	}
	add(hostile{
		class: "private address, by name", name: "in an LNURL", address: bech32(t, "https://evil.example/x"), resolves: []string{"127.0.0.1"},
		step: lnaddr.StepResolve, kind: lnaddr.ErrUnreachable, cause: safedial.ErrAddress,
	})
	add(hostile{
		class: "private address, by name", name: "in the callback", first: text(params("callback", `"https://evil.example/cb"`)), resolves: []string{"127.0.0.1"},
		step: lnaddr.StepFetch, kind: lnaddr.ErrUnreachable, cause: safedial.ErrAddress,
	})
	for name, then := range map[string]string{"then loopback": "127.0.0.1", "then metadata": "169.254.169.254", "then loopback, IPv6": "::1"} {
		add(hostile{
			class: "DNS that changes", name: name, address: "alice@evil.example", resolves: []string{"8.8.8.8", then},
			step: lnaddr.StepResolve, kind: lnaddr.ErrUnreachable, cause: safedial.ErrAddress,
		})
	}
	add(hostile{
		class: "DNS that changes", name: "before the callback", first: text(params("callback", `"https://evil.example/cb"`)), resolves: []string{"8.8.8.8", "127.0.0.1"},
		step: lnaddr.StepFetch, kind: lnaddr.ErrUnreachable, cause: safedial.ErrAddress,
	})

	for name, to := range map[string]string{
		"to http": "http://wallet.example/", "to loopback": "http://127.0.0.1/", "to metadata": "https://169.254.169.254/latest/",
		"to another host": "https://evil.example/", "to another port": "https://wallet.example:8443/", "in a circle": "https://wallet.example/.well-known/lnurlp/alice",
	} {
		add(hostile{
			class: "redirects", name: name, first: redirect(to), resolves: []string{"127.0.0.1"},
			step: lnaddr.StepResolve, kind: lnaddr.ErrUnreachable, cause: safedial.ErrRedirect,
		})
	}
	add(hostile{
		class: "redirects", name: "of the callback", second: redirect("http://127.0.0.1:6379/"),
		step: lnaddr.StepFetch, kind: lnaddr.ErrUnreachable, cause: safedial.ErrRedirect,
	})

	spaces := strings.Repeat(" ", 64<<10)
	large := hostile{class: "64 MiB bodies", step: lnaddr.StepResolve, kind: lnaddr.ErrAnswer, cause: safedial.ErrTooLarge}
	for name, h := range map[string]http.HandlerFunc{
		"of spaces": flood(taken, spaces), "of brackets": flood(taken, strings.Repeat("[", 64<<10)),
		"behind an answer": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, params())
			flood(taken, spaces)(w, r)
		},
		"that claim to be short": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			flood(taken, spaces)(w, r)
		},
	} {
		large.name, large.first = name, h
		add(large)
	}
	add(hostile{class: "64 MiB bodies", name: "at the callback", second: flood(taken, spaces), step: lnaddr.StepFetch, kind: lnaddr.ErrAnswer, cause: safedial.ErrTooLarge})

	slowly := hostile{class: "drip-fed bodies", kind: lnaddr.ErrUnreachable}
	slowly.name, slowly.step, slowly.first = "of nothing", lnaddr.StepResolve, drip("")
	add(slowly)
	slowly.name, slowly.first = "behind a whole answer", drip(params())
	add(slowly)
	slowly.name, slowly.first, slowly.step, slowly.second = "at the callback", nil, lnaddr.StepFetch, drip(`{"pr":"`)
	add(slowly)

	check := func(class, name, pr string, cause error, says string) {
		add(hostile{class: class, name: name, second: text(withPR(pr)), step: lnaddr.StepCheck, kind: lnaddr.ErrBadInvoice, cause: cause, says: says})
	}
	check("wrong amount", "one more", invoice(t, 1501, nil), nil, "over 1501 msat, not 1500")
	check("wrong amount", "one less", invoice(t, 1499, nil), nil, "over 1499 msat, not 1500")
	check("wrong amount", "a thousandfold", invoice(t, 1_500_000, nil), nil, "over 1500000 msat, not 1500")
	for _, n := range []bolt11.Network{bolt11.Mainnet, bolt11.Testnet, bolt11.Signet} {
		check("wrong network", n.String(), invoice(t, 1500, func(i *bolt11.Invoice) { i.Network = n }), bolt11.ErrNetwork, "")
	}
	past := func(ago time.Duration) func(*bolt11.Invoice) {
		return func(i *bolt11.Invoice) { i.CreatedAt, i.ExpiresAt = now.Add(-ago-time.Hour), now.Add(-ago) }
	}
	check("expired invoice", "just now", invoice(t, 1500, past(0)), nil, "has expired")
	check("expired invoice", "a year ago", invoice(t, 1500, past(365*24*time.Hour)), nil, "has expired")
	check("expired invoice", "in a moment", invoice(t, 1500, func(i *bolt11.Invoice) { i.ExpiresAt = now.Add(time.Second) }), nil, "expires within")
	check("amount-less invoice", "as it is", invoice(t, 0, nil), nil, "names no amount")
	check("amount-less invoice", "of another network", invoice(t, 0, func(i *bolt11.Invoice) { i.Network = bolt11.Mainnet }), bolt11.ErrNetwork, "")
	check("amount-less invoice", "expired", invoice(t, 0, past(time.Hour)), nil, "names no amount")

	bomb := func(name, body string) {
		add(hostile{class: "JSON bombs", name: name, first: text(body), step: lnaddr.StepResolve, kind: lnaddr.ErrAnswer})
	}
	bomb("objects in objects", strings.Repeat(`{"a":`, 40_000))
	bomb("arrays in arrays, closed", strings.Repeat(`[`, 100_000)+strings.Repeat(`]`, 100_000))
	bomb("arrays in the metadata", params("metadata", `"`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`"`))
	bomb("an endless exponent", params("minSendable", "1e999999999"))
	bomb("an endless fraction", params("maxSendable", "1e-999999999"))
	bomb("endless digits", params("maxSendable", strings.Repeat("9", 200_000)))
	bomb("one key over and over", "{"+strings.Repeat(`"tag":{},`, 20_000)+`"tag":7}`)
	add(hostile{
		class: "JSON bombs", name: "at the callback", second: text(`{"pr":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}"),
		step: lnaddr.StepFetch, kind: lnaddr.ErrAnswer,
	})
	return all
}

// Whatever a customer names and whatever answers there: it is refused with its
// own error, within the limit, no private address is dialled, and no more is
// read than an honest answer is long.
func TestHostile(t *testing.T) {
	t.Parallel()
	var taken atomic.Int64
	trap := safedialtest.NewTrap(t)
	all, good := hostiles(t, &taken), invoice(t, 1500, nil)
	classes := map[string]int{}
	for _, h := range all {
		classes[h.class]++
	}
	t.Run("cases", func(t *testing.T) {
		for _, h := range all {
			t.Run(h.class+"/"+h.name, func(t *testing.T) {
				t.Parallel()
				h.run(t, trap, good)
			})
		}
	})
	require.Zero(t, trap.Visits(t), "a private address was dialled")
	require.Less(t, taken.Load(), int64(classes["64 MiB bodies"])*(8<<20), "read far beyond what an answer is")
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		t.Logf("%2d  %s", classes[class], class)
		require.GreaterOrEqual(t, classes[class], 2, class)
	}
	t.Logf("%d cases, no connection to a private address", len(all))
	require.GreaterOrEqual(t, len(all), 40)
	require.Len(t, classes, 11)
}

func (h hostile) run(t *testing.T, trap *safedialtest.Trap, good string) {
	t.Helper()
	first, second := h.first, h.second
	if first == nil {
		first = text(params("callback", `"https://wallet.example/cb"`))
	}
	if second == nil {
		second = text(withPR(good))
	}
	srv, err := lnaddrtest.ServeHandler("wallet.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cb" {
			second(w, r)
			return
		}
		first(w, r)
	}))
	require.NoError(t, err)
	defer srv.Close()

	var mu sync.Mutex
	answers := slices.Clone(h.resolves)
	dns := safedialtest.Resolver(func(string) []string {
		mu.Lock()
		defer mu.Unlock()
		return answers[:min(1, len(answers))]
	})
	c := client(t, func(c *lnaddr.Config) { c.Timeout = hostileTimeout })
	require.NoError(t, c.Trapped(trap.Port, dns, srv.Host()))
	if len(answers) > 1 { // somebody looks the name up, and finds it harmless
		ips, err := dns.LookupNetIP(t.Context(), "ip", "evil.example")
		require.NoError(t, err)
		require.True(t, safedial.Public(ips[0].Unmap()))
		mu.Lock()
		answers = answers[1:]
		mu.Unlock()
	}

	begun := time.Now()
	inv, err := h.pay(t, c)
	require.Less(t, time.Since(begun), hostileLimit)
	require.Zero(t, inv)
	var e *lnaddr.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, h.step, e.Step, "%v", e)
	require.Equal(t, h.kind, e.Kind, "%v", e)
	require.ErrorContains(t, e, h.says)
	if h.cause != nil {
		require.ErrorIs(t, e, h.cause)
	}
	told := lnaddr.CustomerText(err)
	require.NotEmpty(t, told)
	for _, inside := range []string{"alice", "127.0.0.1", "10.0.0.1", "169.254", "dmshop", "json", "dial"} {
		require.NotContains(t, told, inside)
	}
	require.NotContains(t, err.Error(), "alice")
}

func (h hostile) pay(t *testing.T, c *lnaddr.Client) (lnaddr.Invoice, error) {
	address := h.address
	if address == "" {
		address = "alice@wallet.example"
	}
	a, err := lnaddr.Parse(address)
	if err != nil {
		return lnaddr.Invoice{}, err
	}
	return c.Invoice(t.Context(), a, 1500, "")
}
