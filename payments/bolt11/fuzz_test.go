package bolt11_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments/bolt11"
)

// FuzzDecode reads any text.
func FuzzDecode(f *testing.F) {
	for _, tt := range valid {
		f.Add(tt.text)
	}
	for _, tt := range invalid {
		f.Add(tt.text)
	}
	f.Fuzz(checkDecode)
}

// FuzzFields reads any prefix and data under a checksum and a signature that
// hold, where a mutated text never comes.
func FuzzFields(f *testing.F) {
	seeds := []string{base, base + fieldN, base + minute, fieldP + fieldS + fieldH + features(8, 14, 48, 99), base + "rqzqq", base + "bqzqq", base + "fqpq", base + "tqpq"}
	for i, fields := range seeds {
		groups := make([]byte, 0, len(fields))
		for _, c := range "pvjluez" + fields {
			groups = append(groups, byte(strings.IndexRune(charset, c)))
		}
		f.Add([]string{"lnbc2500u", "lntbs", "lnbcrt10p", "lntb1m"}[i%4], groups)
	}
	f.Fuzz(func(t *testing.T, hrp string, groups []byte) {
		for _, c := range []byte(hrp) {
			if c < 33 || c > 126 {
				t.Skip("no human-readable part")
			}
		}
		if hrp == "" || len(groups) > 3000 {
			t.Skip("no human-readable part, or too long")
		}
		for i := range groups {
			groups[i] &= 31
		}
		checkDecode(t, raw{hrp: strings.ToLower(hrp)}.sign(t, groups))
	})
}

func checkDecode(t *testing.T, text string) {
	inv, err := bolt11.Decode(text)
	if err != nil {
		requireKind(t, err)
		require.Zero(t, inv)
		return
	}
	require.GreaterOrEqual(t, inv.AmountMsat, int64(0))
	require.False(t, inv.ExpiresAt.Before(inv.CreatedAt))
	upper, err := bolt11.Decode(strings.ToUpper(text), inv.Network)
	require.NoError(t, err)
	require.Equal(t, inv, upper)
}
