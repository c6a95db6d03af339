package bolt11_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/payments/bolt11"
)

func hashes() *rapid.Generator[[32]byte] {
	return rapid.Custom(func(t *rapid.T) [32]byte {
		h := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes"))
		h[0] |= 1
		return h
	})
}

func invoices() *rapid.Generator[bolt11.Invoice] {
	return rapid.Custom(func(t *rapid.T) bolt11.Invoice {
		created := time.Unix(rapid.Int64Range(0, 1<<35-1).Draw(t, "created"), 0).UTC()
		life := time.Duration(rapid.Int64Range(1, 100*365*24*3600).Draw(t, "life")) * time.Second
		inv := bolt11.Invoice{
			Network:      rapid.SampledFrom([]bolt11.Network{bolt11.Mainnet, bolt11.Testnet, bolt11.Signet, bolt11.Regtest}).Draw(t, "network"),
			AmountMsat:   rapid.Int64Range(0, 21_000_000*100_000_000_000).Draw(t, "msat"),
			Hash:         hashes().Draw(t, "hash"),
			Secret:       hashes().Draw(t, "secret"),
			CreatedAt:    created,
			ExpiresAt:    created.Add(life),
			MinFinalCLTV: rapid.Uint32Min(1).Draw(t, "cltv"),
			Features:     []int{8, 14},
		}
		for _, bit := range rapid.SliceOfDistinct(rapid.IntRange(50, 2500), rapid.ID).Draw(t, "odd bits") {
			inv.Features = append(inv.Features, bit*2+1)
		}
		slices.Sort(inv.Features)
		if rapid.Bool().Draw(t, "hashed") {
			inv.DescriptionHash = hashes().Draw(t, "description hash")
		} else {
			inv.Description = rapid.StringN(0, -1, bolt11.MaxDescription).Filter(utf8.ValidString).Draw(t, "description")
		}
		return inv
	})
}

func TestSign_RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := bolt11.Key(hashes().Draw(t, "key"))
		key[0] = 1
		inv := invoices().Draw(t, "invoice")
		text, err := bolt11.Sign(inv, key)
		require.NoError(t, err)
		inv.Payee, err = key.Payee()
		require.NoError(t, err)
		got, err := bolt11.Decode(text, inv.Network)
		require.NoError(t, err)
		require.Equal(t, inv, got)
		again, err := bolt11.Sign(got, key)
		require.NoError(t, err)
		require.Equal(t, text, again, "the same invoice and key give the same text")
		got, err = bolt11.Decode(strings.ToUpper(text))
		require.NoError(t, err)
		require.Equal(t, inv, got)
	})
}

func TestSign_Defaults(t *testing.T) {
	t.Parallel()
	created := time.Unix(1496314658, 0)
	key := specKey(t)
	text, err := bolt11.Sign(bolt11.Invoice{
		Network: bolt11.Regtest, AmountMsat: 1, Secret: [32]byte{1}, CreatedAt: created, ExpiresAt: created.Add(time.Second),
	}, key)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "lnbcrt10p1"), text)
	inv, err := bolt11.Decode(text)
	require.NoError(t, err)
	require.Equal(t, specPayee, hex.EncodeToString(inv.Payee[:]))
	require.Equal(t, []int{8, 14}, inv.Features)
	require.EqualValues(t, 18, inv.MinFinalCLTV)
	require.Empty(t, inv.Description)
}

func TestSign_ShortestAmount(t *testing.T) {
	t.Parallel()
	for msat, want := range map[int64]string{
		0: "lnbc1", 1: "lnbc10p1", 100: "lnbc1n1", 100_000: "lnbc1u1", 250_000_000: "lnbc2500u1", 2_000_000_000: "lnbc20m1",
		100_000_000_000: "lnbc11", 967_878_534: "lnbc9678785340p1", 2_100_000_000_000_000_000: "lnbc210000001",
	} {
		inv := signable()
		inv.AmountMsat = msat
		text, err := bolt11.Sign(inv, specKey(t))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(text, want), "%d: %s", msat, text[:20])
	}
}

func signable() bolt11.Invoice {
	created := time.Unix(1_700_000_000, 0).UTC()
	return bolt11.Invoice{
		Network: bolt11.Mainnet, AmountMsat: 1000, Hash: [32]byte{1}, Secret: [32]byte{2}, Description: "tea",
		CreatedAt: created, ExpiresAt: created.Add(time.Hour),
	}
}

func TestSign_Refuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*bolt11.Invoice)
		kind   error
	}{
		"no network":           {func(i *bolt11.Invoice) { i.Network = "" }, bolt11.ErrNetwork},
		"simnet":               {func(i *bolt11.Invoice) { i.Network = "sb" }, bolt11.ErrNetwork},
		"negative amount":      {func(i *bolt11.Invoice) { i.AmountMsat = -1 }, bolt11.ErrAmount},
		"too much":             {func(i *bolt11.Invoice) { i.AmountMsat = 2_100_000_000_000_000_001 }, bolt11.ErrAmount},
		"no secret":            {func(i *bolt11.Invoice) { i.Secret = [32]byte{} }, bolt11.ErrSecret},
		"long description":     {func(i *bolt11.Invoice) { i.Description = strings.Repeat("x", 640) }, bolt11.ErrMalformed},
		"broken description":   {func(i *bolt11.Invoice) { i.Description = "\xff" }, bolt11.ErrMalformed},
		"two descriptions":     {func(i *bolt11.Invoice) { i.DescriptionHash = [32]byte{1} }, bolt11.ErrMalformed},
		"no time":              {func(i *bolt11.Invoice) { i.CreatedAt = time.Time{} }, bolt11.ErrMalformed},
		"before 1970":          {func(i *bolt11.Invoice) { i.CreatedAt = time.Unix(-1, 0) }, bolt11.ErrMalformed},
		"after 35 bits":        {func(i *bolt11.Invoice) { i.CreatedAt, i.ExpiresAt = time.Unix(1<<35, 0), time.Unix(1<<35+1, 0) }, bolt11.ErrMalformed},
		"no life":              {func(i *bolt11.Invoice) { i.ExpiresAt = i.CreatedAt }, bolt11.ErrMalformed},
		"ends before it began": {func(i *bolt11.Invoice) { i.ExpiresAt = i.CreatedAt.Add(-time.Second) }, bolt11.ErrMalformed},
		"half a second":        {func(i *bolt11.Invoice) { i.ExpiresAt = i.ExpiresAt.Add(time.Second / 2) }, bolt11.ErrMalformed},
		"begins at a half":     {func(i *bolt11.Invoice) { i.CreatedAt = i.CreatedAt.Add(time.Second / 2) }, bolt11.ErrMalformed},
		"both at a half": {func(i *bolt11.Invoice) {
			i.CreatedAt, i.ExpiresAt = i.CreatedAt.Add(time.Second/2), i.ExpiresAt.Add(time.Second/2)
		}, bolt11.ErrMalformed},
		"lives too long":     {func(i *bolt11.Invoice) { i.ExpiresAt = i.CreatedAt.Add(101 * 365 * 24 * time.Hour) }, bolt11.ErrMalformed},
		"unknown feature":    {func(i *bolt11.Invoice) { i.Features = []int{8, 14, 100} }, bolt11.ErrFeature},
		"feature below zero": {func(i *bolt11.Invoice) { i.Features = []int{8, 14, -1} }, bolt11.ErrFeature},
		"feature too far":    {func(i *bolt11.Invoice) { i.Features = []int{8, 14, 5115} }, bolt11.ErrFeature},
		"feature alone":      {func(i *bolt11.Invoice) { i.Features = []int{14} }, bolt11.ErrFeature},
		"another payee":      {func(i *bolt11.Invoice) { i.Payee = [33]byte{2} }, bolt11.ErrSignature},
	} {
		inv := signable()
		tt.change(&inv)
		text, err := bolt11.Sign(inv, specKey(t))
		require.ErrorIs(t, err, tt.kind, name)
		require.Empty(t, text, name)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	a, err := bolt11.NewKey()
	require.NoError(t, err)
	b, err := bolt11.NewKey()
	require.NoError(t, err)
	require.NotEqual(t, [32]byte(a), [32]byte(b))
	order, err := hex.DecodeString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	require.NoError(t, err)
	beyond := bolt11.Key(order)
	beyond[31]++
	for _, k := range []bolt11.Key{{}, bolt11.Key(order), beyond} {
		_, err := k.Payee()
		require.ErrorContains(t, err, "node key")
		_, err = bolt11.Sign(signable(), k)
		require.ErrorContains(t, err, "node key")
	}
}

func TestKey_Redacts(t *testing.T) {
	t.Parallel()
	key := specKey(t)
	type config struct{ Key bolt11.Key }
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q", "%b"} {
		_, _ = fmt.Fprintf(&out, verb+verb+verb, key, &key, config{key})
	}
	text, err := json.Marshal(config{key})
	require.NoError(t, err)
	out.Write(text)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", key, "config", config{key})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", key, "config", config{key})
	require.Contains(t, out.String(), "REDACTED")
	for _, leak := range []string{"e126f6", "E126F6", "225 38 246", "0xe1", "11100001"} {
		require.NotContains(t, out.String(), leak)
	}
}
