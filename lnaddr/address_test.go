package lnaddr_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fiatjaf/go-lnurl"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/lnaddr"
)

// bech32 is the LNURL of any bytes, also of such that no service would print.
func bech32(t testing.TB, raw string) string {
	t.Helper()
	code, err := lnurl.LNURLEncode(raw)
	require.NoError(t, err)
	return code
}

func TestParse(t *testing.T) {
	t.Parallel()
	well := "https://wallet.example/.well-known/lnurlp/"
	code := bech32(t, "https://wallet.example/pay/Alice?id=7&X=Y")
	for in, want := range map[string]struct{ text, url string }{
		"alice@wallet.example":                   {"alice@wallet.example", well + "alice"},
		" Alice@Wallet.Example\n":                {"alice@wallet.example", well + "alice"},
		"lightning:alice@wallet.example":         {"alice@wallet.example", well + "alice"},
		"LIGHTNING:alice@wallet.example":         {"alice@wallet.example", well + "alice"},
		"lightning://alice@wallet.example":       {"alice@wallet.example", well + "alice"},
		"alice+tips@wallet.example":              {"alice+tips@wallet.example", well + "alice+tips"},
		"a.b-c_9@wallet.example":                 {"a.b-c_9@wallet.example", well + "a.b-c_9"},
		"_@wallet.example":                       {"_@wallet.example", well + "_"},
		"lnbc1@wallet.example":                   {"lnbc1@wallet.example", well + "lnbc1"},
		"lnurl1@wallet.example":                  {"lnurl1@wallet.example", well + "lnurl1"},
		"alice@bücher.example":                   {"alice@xn--bcher-kva.example", "https://xn--bcher-kva.example/.well-known/lnurlp/alice"},
		"x@ab.io":                                {"x@ab.io", "https://ab.io/.well-known/lnurlp/x"}, // 5 characters: still https
		code:                                     {strings.ToLower(code), "https://wallet.example/pay/Alice?id=7&X=Y"},
		strings.ToLower(code):                    {strings.ToLower(code), "https://wallet.example/pay/Alice?id=7&X=Y"},
		"lightning:" + code:                      {strings.ToLower(code), "https://wallet.example/pay/Alice?id=7&X=Y"},
		"lnurlp://wallet.example/Alice?X=Y":      {"lnurlp://wallet.example/Alice?X=Y", "https://wallet.example/Alice?X=Y"}, // case kept
		"LNURLP://Wallet.Example/Alice":          {"lnurlp://wallet.example/Alice", "https://wallet.example/Alice"},
		"lightning:lnurlp://wallet.example":      {"lnurlp://wallet.example", "https://wallet.example"},
		"alice@" + onion + ".ONION":              {"alice@" + onion + ".onion", "http://" + onion + ".onion/.well-known/lnurlp/alice"},
		"alice@shop." + onion + ".onion":         {"alice@shop." + onion + ".onion", "http://shop." + onion + ".onion/.well-known/lnurlp/alice"},
		"lnurlp://" + onion + ".onion/Pay":       {"lnurlp://" + onion + ".onion/Pay", "http://" + onion + ".onion/Pay"},
		"lnurlp://" + onion + ".onion:80/":       {"lnurlp://" + onion + ".onion/", "http://" + onion + ".onion/"},
		bech32(t, "http://"+onion+".onion/Pay"):  {strings.ToLower(bech32(t, "http://"+onion+".onion/Pay")), "http://" + onion + ".onion/Pay"},
		bech32(t, "https://"+onion+".onion/Pay"): {strings.ToLower(bech32(t, "https://"+onion+".onion/Pay")), "https://" + onion + ".onion/Pay"},
		"lnurlp://wallet.example:443/a":          {"lnurlp://wallet.example/a", "https://wallet.example/a"},
	} {
		a, err := lnaddr.Parse(in)
		require.NoError(t, err, in)
		require.Equal(t, want.text, a.String())
		require.Equal(t, want.url, a.URL())
		again, err := lnaddr.Parse(a.String())
		require.NoError(t, err)
		require.Equal(t, a, again)
	}
}

// onion is a name of Tor's third version.
const onion = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"

const someInvoice = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for kind, texts := range map[error][]string{
		lnaddr.ErrInvoice: {
			someInvoice, strings.ToUpper(someInvoice), "lightning:" + someInvoice, " " + someInvoice + "\n",
			strings.Replace(someInvoice, "lnbc", "lntb", 1), strings.Replace(someInvoice, "lnbc", "lnbcrt", 1),
			strings.Replace(someInvoice, "lnbc", "lntbs", 1), someInvoice[:len(someInvoice)-1],
			"lnbc1" + someInvoice[10:],
		},
		lnaddr.ErrNotAddress: {
			// Not of Tor's third version, or not as it is asked.
			"a@b.ONION", "alice@abc.onion", "alice@" + onion + "x.onion", "lnurlp://abc.onion/x", bech32(t, "http://abc.onion/x"),
			bech32(t, "http://"+onion+".onion:443/x"), bech32(t, "https://"+onion+".onion:80/x"), bech32(t, "http://"+onion+".onion.example/x"),
			"", " ", "hello", "@", "alice@", "@wallet.example", "alice", "alice@wallet", "alice@localhost", "+tag@wallet.example",
			// The local part is a name, not a path (go-lnurl took them all).
			"a/../../admin?x=@evil.example", "../x@wallet.example", "..@wallet.example", ".@wallet.example", "a/b@wallet.example",
			"a%2f..@wallet.example", "a?b@wallet.example", "a#b@wallet.example", "a:b@wallet.example", `a\b@wallet.example`,
			"al ice@wallet.example", "alice\x00@wallet.example", "älice@wallet.example", "alice!@wallet.example", "<alice@wallet.example>",
			strings.Repeat("a", 65) + "@wallet.example", "\u212aelvin@wallet.example",
			strings.Replace(bech32(t, "https://wallet.example/kkkk"), "K", "\u212a", 1),
			// The domain is a name: no port, address, user, path or fragment.
			"alice@wallet.example:443", "alice@wallet.example:8080", "alice@127.0.0.1", "alice@[::1]", "alice@2130706433",
			"alice@0x7f.1", "alice@bob@wallet.example", "alice@wallet.example/x", "alice@wallet.example?x", "alice@wallet.example#x",
			"alice@wallet.example.", "alice@-wallet.example", "alice@wallet .example", "alice@wallet.example\nbcc", "alice@１２７.0.0.1",
			"alice@" + strings.Repeat("a.", 130) + "example",
			// Other things that a payment can go to.
			"lno1qgsyxjtl6luzd9t3pr62xr7eemp6awnejusgf6gw45q75vcfqqqqqqq2p32x2um5ypmx2cm5dae8x93pqthvwfzadd7jejes8q9lhc4rvjxd022zv5l44g6qah82ru5rdpnpj",
			"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
			"bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6",
			"lnurlw://wallet.example/x", "lnurlc://wallet.example/x", "keyauth://wallet.example/x", "lnurla://wallet.example/x",
			"https://wallet.example/x", "http://wallet.example/x", "lnbc1 is short", "lnbc1abc",
			// LNURLs that lead elsewhere.
			bech32(t, "http://wallet.example/x"), bech32(t, "http://127.0.0.1/x"), bech32(t, "https://127.0.0.1/x"),
			bech32(t, "https://[::1]/x"), bech32(t, "https://wallet.example:8443/x"), bech32(t, "https://u:p@wallet.example/x"),
			bech32(t, "https://wallet.example/x#y"), bech32(t, "https://wallet.example/x#"), bech32(t, "ftp://wallet.example/x"), bech32(t, "file:///etc/passwd"),
			bech32(t, "https://wallet.example/a b"), bech32(t, "https://wallet.example/\r\nHost: evil"), bech32(t, "wallet.example"),
			bech32(t, "https://wallet.example/"+strings.Repeat("a", 2048)), bech32(t, "https://wallet.example/ü"), bech32(t, "\xff\xfe"), bech32(t, "https:wallet.example"), bech32(t, ""),
			"lnurlp://user@wallet.example/x", "lnurlp://wallet.example:80/x", "lnurlp://", "lnurlp:///x", "lnurlp://127.0.0.1/x",
			"lnurlp:wallet.example", "lnurlp://wallet.example/\x7f", "lnurlp://wallet.example/%zz",
			// Damaged bech32.
			"lnurl1", "lnurl1qqqqqq", bech32(t, "https://wallet.example")[:30], "LNURL1" + strings.ToLower(bech32(t, "https://wallet.example"))[6:],
			strings.Replace(bech32(t, "https://wallet.example"), "M", "Q", 1), "lnurl1" + strings.Repeat("q", 9000),
			strings.Repeat("a", 1<<20), strings.Repeat("@", 1<<20),
		},
	} {
		for _, in := range texts {
			a, err := lnaddr.Parse(in)
			require.ErrorIs(t, err, kind, "%.80q became %v", in, a)
			require.True(t, a.IsZero())
			require.EqualError(t, err, "lnaddr: read the address: "+kind.Error(), "the text is not repeated")
		}
	}
}

func TestAddressShortensItselfInLogs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	for in, short := range map[string]string{
		"alice@wallet.example":          "a...@wallet.example",
		"lnurlp://wallet.example/alice": "LNURL of wallet.example",
	} {
		a, err := lnaddr.Parse(in)
		require.NoError(t, err)
		require.Equal(t, short, a.Short())
		require.Equal(t, "wallet.example", a.Host())
		log.Info("refund", "to", a)
	}
	log.Info("refund", "to", lnaddr.Address{})
	require.NotContains(t, out.String(), "alice")
	require.Contains(t, out.String(), "a...@wallet.example")
}

func TestAddressPassesThroughJSON(t *testing.T) {
	t.Parallel()
	a, err := lnaddr.Parse("alice@wallet.example")
	require.NoError(t, err)
	type row struct{ To, None lnaddr.Address }
	raw, err := json.Marshal(row{To: a})
	require.NoError(t, err)
	require.JSONEq(t, `{"To":"alice@wallet.example","None":""}`, string(raw))
	var back row
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, row{To: a}, back)
	require.ErrorIs(t, json.Unmarshal([]byte(`{"To":"nonsense"}`), &back), lnaddr.ErrNotAddress)
	require.Equal(t, a, back.To, "a failed read changes nothing")
}

func TestEveryWellFormedAddressIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		local := rapid.StringMatching(`[a-z0-9_-][a-z0-9_.-]{0,20}(\+[a-z0-9]{1,10})?`).Draw(t, "local")
		host := rapid.StringMatching(`([a-z0-9]([a-z0-9]{0,10}[a-z0-9])?\.){1,3}[a-z]{2,8}`).Draw(t, "host")
		a, err := lnaddr.Parse(local + "@" + host)
		if strings.HasSuffix(host, ".onion") {
			require.ErrorIs(t, err, lnaddr.ErrNotAddress)
			return
		}
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("https://%s/.well-known/lnurlp/%s", host, local), a.URL())

		code, err := lnurl.LNURLEncode(a.URL())
		require.NoError(t, err)
		b, err := lnaddr.Parse(code)
		require.NoError(t, err)
		require.Equal(t, a.URL(), b.URL())
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"alice@wallet.example", "lightning:ALICE+t@wallet.example", "lnurlp://wallet.example/a?b=c", "x@ab.io", someInvoice,
		bech32(f, "https://wallet.example/x"), bech32(f, "http://127.0.0.1/"), "a/../..@evil.example", "alice@bücher.example", "lnurl1qqqqqqq",
		"a@" + onion + ".onion",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := lnaddr.Parse(s)
		if err != nil {
			require.True(t, a.IsZero())
			require.NotEmpty(t, lnaddr.CustomerText(err))
			return
		}
		again, err := lnaddr.Parse(a.String())
		require.NoError(t, err)
		require.Equal(t, a, again)
		require.True(t, strings.HasPrefix(a.URL(), "https://"+a.Host()) ||
			strings.HasSuffix(a.Host(), ".onion") && strings.HasPrefix(a.URL(), "http://"+a.Host()), a.URL())
		require.Empty(t, strings.Trim(a.Host(), "abcdefghijklmnopqrstuvwxyz0123456789-."))
		require.False(t, strings.ContainsFunc(a.URL(), func(r rune) bool { return r <= ' ' || r >= 0x7f }))
	})
}
