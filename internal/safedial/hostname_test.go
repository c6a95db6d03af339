package safedial_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/safedial"
)

func TestHostname(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"wallet.example":                     "wallet.example",
		"Wallet.EXAMPLE":                     "wallet.example",
		"ab.io":                              "ab.io",
		"a-b.c-d.example":                    "a-b.c-d.example",
		"1.2.3.4.example":                    "1.2.3.4.example",
		"bücher.example":                     "xn--bcher-kva.example",
		"BÜCHER.example":                     "xn--bcher-kva.example",
		"xn--bcher-kva.example":              "xn--bcher-kva.example",
		"faß.example":                        "xn--fa-hia.example",
		"wallet。example":                     "wallet.example",
		"abc.onion":                          "abc.onion",
		strings.Repeat("a", 63) + ".example": strings.Repeat("a", 63) + ".example",
	} {
		got, err := safedial.Hostname(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
		again, err := safedial.Hostname(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, in := range []string{
		"", ".", "localhost", "com", "wallet.example.", ".wallet.example", "wallet..example",
		"127.0.0.1", "127.1", "2130706433", "0x7f.1", "0x7f000001", "a.0x7f", "a.0x", "017700000001", "0177.0.0.01", "１２７.0.0.１",
		"::1", "[::1]", "::ffff:1.2.3.4", "fe80::1%lo", "1.2.3.4:443", "wallet.example:443", "u@wallet.example",
		"wallet.example/x", "wallet.example?x", "wallet.example#x", `wallet.example\x`, "wal let.example", "wallet.example\n",
		"wallet.example\x00", "wa%6clet.example", "-a.example", "a-.example", "a_b.example", "wallet.exam\u200bple" + "!", "xn--a.example",
		"ab--c.example\x7f", strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 127) + "example", strings.Repeat("ü", 2000) + ".example",
		"\xff\xfe.example", "\ufffd.example",
	} {
		got, err := safedial.Hostname(in)
		require.ErrorIs(t, err, safedial.ErrHostname, "%q became %q", in, got)
		require.Equal(t, safedial.ErrHostname.Error(), err.Error(), "what was written is not repeated")
	}
}

func FuzzHostname(f *testing.F) {
	for _, s := range []string{"wallet.example", "bücher.example", "127.0.0.1", "0x7f.1", "a..b", "xn--a.example", "\u202emoc.elpmaxe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, err := safedial.Hostname(s)
		if err != nil {
			require.Empty(t, host)
			return
		}
		require.LessOrEqual(t, len(host), 253)
		require.Empty(t, strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-."))
		again, err := safedial.Hostname(host)
		require.NoError(t, err)
		require.Equal(t, host, again)
	})
}
