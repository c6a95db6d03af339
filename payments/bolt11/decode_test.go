package bolt11_test

import (
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments/bolt11"
)

func TestDecode_Refuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		raw  raw
		kind error
		says string
	}{
		"hash twice":                {raw{fields: base + fieldP}, bolt11.ErrMalformed, "field p is given twice"},
		"secret twice":              {raw{fields: base + fieldS}, bolt11.ErrMalformed, "field s is given twice"},
		"description twice":         {raw{fields: base + fieldD}, bolt11.ErrMalformed, "field d is given twice"},
		"features twice":            {raw{fields: base + field9}, bolt11.ErrMalformed, "field 9 is given twice"},
		"expiry twice":              {raw{fields: base + minute + "xqrqqq"}, bolt11.ErrMalformed, "field x is given twice"},
		"payee twice":               {raw{fields: base + fieldN + fieldN}, bolt11.ErrMalformed, "field n is given twice"},
		"no hash":                   {raw{fields: fieldS + fieldD + field9}, bolt11.ErrMalformed, ""},
		"no description":            {raw{fields: fieldP + fieldS + field9}, bolt11.ErrMalformed, ""},
		"two kinds of description":  {raw{fields: base + fieldH}, bolt11.ErrMalformed, ""},
		"description not UTF-8":     {raw{fields: fieldP + fieldS + "dqzll" + field9}, bolt11.ErrMalformed, ""},
		"no secret":                 {raw{fields: fieldP + fieldD + field9}, bolt11.ErrSecret, ""},
		"secret too short":          {raw{fields: fieldP + "sppqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq" + fieldD + field9}, bolt11.ErrSecret, ""},
		"unknown required feature":  {raw{fields: fieldP + fieldS + fieldD + features(8, 14, 20)}, bolt11.ErrFeature, "bit 20"},
		"amp required":              {raw{fields: fieldP + fieldS + fieldD + features(8, 14, 30)}, bolt11.ErrFeature, "bit 30"},
		"secret without onion":      {raw{fields: fieldP + fieldS + fieldD + features(14)}, bolt11.ErrFeature, "bit 14 without bit 8"},
		"multi-path without secret": {raw{fields: fieldP + fieldS + fieldD + features(8, 17)}, bolt11.ErrFeature, "bit 16 without bit 14"},
		"features padded in front":  {raw{fields: fieldP + fieldS + fieldD + "9qyqsgq"}, bolt11.ErrMalformed, "field 9"},
		"features empty":            {raw{fields: fieldP + fieldS + fieldD + "9qq"}, bolt11.ErrMalformed, "field 9"},
		"expiry padded in front":    {raw{fields: base + "xqrqpu"}, bolt11.ErrMalformed, "field x"},
		"final delta padded":        {raw{fields: base + "cqzq2"}, bolt11.ErrMalformed, "field c"},
		"final delta too large":     {raw{fields: base + "cq8lllllll"}, bolt11.ErrMalformed, "out of range"},
		"field cut off in its head": {raw{fields: base + "xq"}, bolt11.ErrMalformed, "cut off"},
		"field cut off in its data": {raw{fields: base + "xqrpu"}, bolt11.ErrMalformed, "cut off"},
		"route hint cut off":        {raw{fields: base + "rqzqq"}, bolt11.ErrMalformed, ""},
		"no fields":                 {raw{}, bolt11.ErrMalformed, ""},
		"high-S beside a payee":     {raw{fields: base + fieldN, highS: true}, bolt11.ErrSignature, "low-S"},
		"r beyond the order":        {raw{fields: base, bigR: true}, bolt11.ErrSignature, ""},
		"s beyond the order":        {raw{fields: base, bigS: true}, bolt11.ErrSignature, ""},
		"r beyond it, and a payee":  {raw{fields: base + fieldN, bigR: true}, bolt11.ErrSignature, "beyond"},
		"s beyond it, and a payee":  {raw{fields: base + fieldN, bigS: true}, bolt11.ErrSignature, "beyond"},
		"payee is another key":      {raw{fields: base + otherPayee(t)}, bolt11.ErrSignature, "not by the payee"},
		"payee is no point":         {raw{fields: base + "np4" + strings.Repeat("q", 53)}, bolt11.ErrMalformed, "payee"},
		"recovery id 4":             {raw{fields: base, recID: 4}, bolt11.ErrSignature, "recovery id"},
		"recovery id 4 and a payee": {raw{fields: base + fieldN, recID: 4}, bolt11.ErrSignature, "recovery id"},
		"recovery id 230":           {raw{fields: base, recID: 230}, bolt11.ErrSignature, "recovery id"},
		"bech32m":                   {raw{fields: base, encode: bech32.EncodeM}, bolt11.ErrMalformed, ""},
		"simnet":                    {raw{hrp: "lnsb1u", fields: base}, bolt11.ErrNetwork, "lnsb1u"},
		"litecoin":                  {raw{hrp: "lnltc1u", fields: base}, bolt11.ErrNetwork, ""},
		"an address":                {raw{hrp: "bc", fields: base}, bolt11.ErrMalformed, "ln"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inv, err := bolt11.Decode(tt.raw.text(t))
			require.ErrorIs(t, err, tt.kind)
			require.ErrorContains(t, err, tt.says)
			require.Zero(t, inv)
		})
	}
}

// otherPayee is an n field of a key that does not sign.
func otherPayee(t *testing.T) string {
	payee, err := bolt11.Key{31: 7}.Payee()
	require.NoError(t, err)
	groups, err := bech32.ConvertBits(payee[:], 8, 5, true)
	require.NoError(t, err)
	return "np4" + letters(groups...)
}

func TestDecode_Accepts(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]raw{
		"payee field":                  {fields: base + fieldN},
		"high-S without a payee field": {fields: base, highS: true},
		"no features":                  {fields: fieldP + fieldS + fieldD},
		"unknown odd feature":          {fields: fieldP + fieldS + fieldD + features(8, 14, 21, 101)},
		"all that is supported":        {fields: fieldP + fieldS + fieldD + features(8, 14, 16, 24, 36, 48)},
		"all that is supported, odd":   {fields: fieldP + fieldS + fieldD + features(9, 15, 17, 25, 37, 49)},
		"unknown field":                {fields: base + "2qrqqq"},
		"fallback of later version":    {fields: base + "fqznq"},
		"two fallbacks":                {fields: base + "fpp3x9et2e20v6pu37c5d9vax37wxq72un98" + "fppqw508d6qejxtdg4y5r3zarvary0c5xw7k"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inv, err := bolt11.Decode(r.text(t))
			require.NoError(t, err)
			require.Equal(t, specPayee, hex.EncodeToString(inv.Payee[:]))
		})
	}
}

func TestDecode_Expiry(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]time.Duration{
		"":                time.Hour,
		"xqzpu":           time.Minute,
		"xqpp":            time.Second,
		"xqgllllllll":     100 * 365 * 24 * time.Hour,
		"xqvllllllllllll": 100 * 365 * 24 * time.Hour,
	} {
		inv, err := bolt11.Decode(raw{fields: base + field}.text(t))
		require.NoError(t, err, field)
		require.Equal(t, want, inv.ExpiresAt.Sub(inv.CreatedAt), field)
		require.False(t, inv.Expired(inv.CreatedAt))
		require.False(t, inv.Expired(inv.ExpiresAt.Add(-1)))
		require.True(t, inv.Expired(inv.ExpiresAt), "at the boundary")
		require.True(t, inv.Expired(inv.ExpiresAt.Add(1)))
	}
}

func TestDecode_Amounts(t *testing.T) {
	t.Parallel()
	for amount, want := range map[string]int64{
		"": 0, "1": 100_000_000_000, "1m": 100_000_000, "1u": 100_000, "1n": 100, "10p": 1, "2500u": 250_000_000,
		"21000000": 2_100_000_000_000_000_000, "21000000000000000n": 2_100_000_000_000_000_000,
		"9678785340p": 967_878_534,
	} {
		inv, err := bolt11.Decode(raw{hrp: "lnbc" + amount, fields: base}.text(t))
		require.NoError(t, err, amount)
		require.Equal(t, want, inv.AmountMsat, amount)
	}
	for _, amount := range []string{
		"0", "01u", "00", "0p", "1p", "11p", "p", "m", "1x", "1k", "1mm", "1.5m", "-1u", "+1u", "1_0u", "u1",
		"21000001", "21000000001m", "21000000000001u", "21000000000000001n", "99999999999999999999p",
		// What wraps around an unsigned 64-bit number to something small.
		"184467441", "184467440738m", strconv.FormatUint(math.MaxUint64, 10) + "u", "184467440737095517n",
	} {
		_, err := bolt11.Decode(raw{hrp: "lnbc" + amount, fields: base}.text(t))
		require.ErrorIs(t, err, bolt11.ErrAmount, amount)
	}
}

func TestDecode_Networks(t *testing.T) {
	t.Parallel()
	networks := []bolt11.Network{bolt11.Mainnet, bolt11.Testnet, bolt11.Signet, bolt11.Regtest}
	for _, made := range networks {
		for _, amount := range []string{"", "1u"} {
			text := raw{hrp: "ln" + string(made) + amount, fields: base}.text(t)
			inv, err := bolt11.Decode(text)
			require.NoError(t, err)
			require.Equal(t, made, inv.Network)
			for _, want := range networks {
				_, err := bolt11.Decode(text, want)
				require.Equal(t, want == made, err == nil, "%v read as %v", made, want)
				if err != nil {
					require.ErrorIs(t, err, bolt11.ErrNetwork)
				}
			}
			_, err = bolt11.Decode(text, networks...)
			require.NoError(t, err)
		}
	}
	require.Equal(t, "bitcoin testnet signet regtest", strings.Join([]string{
		bolt11.Mainnet.String(), bolt11.Testnet.String(), bolt11.Signet.String(), bolt11.Regtest.String(),
	}, " "))
}

func TestDecode_Text(t *testing.T) {
	t.Parallel()
	good := raw{fields: base}.text(t)
	for name, text := range map[string]string{
		"empty":         "",
		"one letter":    "l",
		"only a prefix": "lnbc1",
		"space":         " " + good,
		"newline":       good + "\n",
		"uri":           "lightning:" + good,
		"high byte":     "é" + good,
		"nul":           good + "\x00",
		"one upper":     strings.Replace(good, "l", "L", 1),
		"other prefix":  "lnbc2501u" + strings.TrimPrefix(good, "lnbc2500u"),
		"cut":           good[:len(good)-1],
		"huge":          strings.Repeat("lnbc1", 10_000),
		"just too long": raw{fields: base + strings.Repeat("2ll"+strings.Repeat("q", 1023), 7)}.text(t),
	} {
		inv, err := bolt11.Decode(text)
		require.ErrorIs(t, err, bolt11.ErrMalformed, name)
		require.Zero(t, inv, name)
		require.Less(t, len(err.Error()), 300, name)
	}
	_, err := bolt11.Decode(strings.Repeat("lnbc1", 10_000))
	require.ErrorContains(t, err, "want at most", "refused before it is parsed")
	_, err = bolt11.Decode(raw{}.sign(t, make([]byte, 6)))
	require.ErrorContains(t, err, "too short", "no room for a timestamp")
	_, err = bolt11.Decode(strings.ToUpper(good))
	require.NoError(t, err)
}

// kinds are all that Decode's errors may be.
var kinds = []error{
	bolt11.ErrMalformed, bolt11.ErrNetwork, bolt11.ErrAmount, bolt11.ErrSignature, bolt11.ErrFeature, bolt11.ErrSecret,
}

func requireKind(t *testing.T, err error) {
	t.Helper()
	require.True(t, slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }), "%v", err)
}
