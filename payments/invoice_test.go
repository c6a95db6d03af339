package payments_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/payments"
)

func TestHash_RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h payments.Hash
		copy(h[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		got, err := payments.ParseHash(h.String())
		require.NoError(t, err)
		require.Equal(t, h, got)
		got, err = payments.ParseHash(strings.ToUpper(h.String()))
		require.NoError(t, err)
		require.Equal(t, h, got)
		text, err := json.Marshal(map[payments.Hash]payments.Hash{h: h})
		require.NoError(t, err)
		var back map[payments.Hash]payments.Hash
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, map[payments.Hash]payments.Hash{h: h}, back)
		require.Equal(t, h == payments.Hash{}, h.IsZero())
	})
}

func TestParseHash_Refuses(t *testing.T) {
	t.Parallel()
	valid := payments.Hash{1}.String()
	h := payments.Hash{9}
	for _, s := range []string{"", "00", valid[:63], valid + "0", valid[:62] + "zz", " " + valid[:63], strings.Repeat("é", 32)} {
		_, err := payments.ParseHash(s)
		require.Error(t, err, "%q", s)
		require.Error(t, h.UnmarshalText([]byte(s)), "%q", s)
	}
	require.Equal(t, payments.Hash{9}, h, "a failed read leaves the hash alone")
}

func FuzzParseHash(f *testing.F) {
	f.Add(payments.Hash{1}.String())
	f.Add("00")
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := payments.ParseHash(s); err == nil {
			require.Equal(t, strings.ToLower(s), h.String())
		}
	})
}

func TestCharge_Validate(t *testing.T) {
	t.Parallel()
	good := payments.Charge{Key: "order-7_A.b", Amount: 1}
	require.NoError(t, good.Validate())
	good.Key, good.Expiry = strings.Repeat("k", 64), time.Second
	require.NoError(t, good.Validate())
	for name, c := range map[string]payments.Charge{
		"no key":          {Amount: 1},
		"long key":        {Key: strings.Repeat("k", 65), Amount: 1},
		"space in key":    {Key: "a b", Amount: 1},
		"slash in key":    {Key: "a/b", Amount: 1},
		"unicode key":     {Key: "é", Amount: 1},
		"no amount":       {Key: "k"},
		"negative amount": {Key: "k", Amount: -1},
		"negative expiry": {Key: "k", Amount: 1, Expiry: -1},
	} {
		require.ErrorIs(t, c.Validate(), payments.ErrInvalid, name)
	}
}
