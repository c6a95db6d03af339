package payments_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/payments"
)

func amounts() *rapid.Generator[payments.Msat] {
	return rapid.Custom(func(t *rapid.T) payments.Msat {
		return payments.Msat(rapid.Int64Range(0, math.MaxInt64).Draw(t, "msat"))
	})
}

// decimal writes m in units of 10^places msat, by big integers.
func decimal(m payments.Msat, places int64) string {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil)
	return new(big.Rat).SetFrac(big.NewInt(int64(m)), unit).FloatString(int(places))
}

func TestParse_RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := amounts().Draw(t, "amount")
		btc, err := payments.ParseBTC(decimal(m, 11))
		require.NoError(t, err)
		require.Equal(t, m, btc)
		sat, err := payments.ParseSat(decimal(m, 3))
		require.NoError(t, err)
		require.Equal(t, m, sat)
	})
}

func TestMsat_StringRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := payments.Msat(rapid.Int64().Draw(t, "msat"))
		s, found := strings.CutSuffix(m.String(), " sat")
		require.True(t, found)
		abs, negative := strings.CutPrefix(s, "-")
		require.Equal(t, m < 0, negative)
		if m == math.MinInt64 {
			require.Equal(t, "9223372036854775.808", abs)
			return
		}
		got, err := payments.ParseSat(abs)
		require.NoError(t, err)
		if negative {
			got = -got
		}
		require.Equal(t, m, got)
	})
}

func TestMsat_FormatRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := amounts().Draw(t, "amount")
		sat, err := payments.ParseSat(m.FormatSat())
		require.NoError(t, err)
		require.Equal(t, m, sat)
		btc, err := payments.ParseBTC(m.FormatBTC())
		require.NoError(t, err)
		require.Equal(t, m, btc)
		whole, err := payments.ParseMsat(m.String())
		require.NoError(t, err)
		require.Equal(t, m, whole)
		if m > 0 {
			require.Equal(t, "-"+m.FormatBTC(), (-m).FormatBTC())
		}
	})
	for m, want := range map[payments.Msat]string{
		0: "0", 1: "0.00000000001", payments.Sat: "0.00000001", 21_000 * payments.Sat: "0.00021", payments.BTC: "1", 21_000_000 * payments.BTC: "21000000",
		math.MaxInt64: "92233720.36854775807", math.MinInt64: "-92233720.36854775808",
	} {
		require.Equal(t, want, m.FormatBTC())
	}
}

func TestParseMsat(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]payments.Msat{
		"1500 sat": 1500 * payments.Sat, "0.5 sat": 500, "0.00021 BTC": 21_000 * payments.Sat, "7 msat": 7, "7.0 msat": 7,
	} {
		got, err := payments.ParseMsat(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "1500", "sat", " sat", "1 Sat", "1 btc", "1  sat", "1 sat ", "0.1 msat", "-1 sat", "1 EUR", "1 sat sat"} {
		_, err := payments.ParseMsat(in)
		require.ErrorIs(t, err, payments.ErrAmount, "%q", in)
	}
}

func TestMsat_CeilSat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := payments.Msat(rapid.Int64().Draw(t, "msat"))
		c := m.CeilSat()
		require.Zero(t, c%payments.Sat)
		if m > math.MaxInt64/payments.Sat*payments.Sat {
			require.Equal(t, math.MaxInt64/payments.Sat*payments.Sat, c)
			return
		}
		require.GreaterOrEqual(t, c, m)
		require.Less(t, uint64(c-m), uint64(payments.Sat))
	})
}

func TestMsat_Sat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := payments.Msat(rapid.Int64().Draw(t, "msat"))
		sat, whole := m.Sat()
		rest := m - payments.Msat(sat)*payments.Sat
		require.Equal(t, rest == 0, whole)
		require.Less(t, max(rest, -rest), payments.Sat)
	})
}

func TestMsat_Edges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in     payments.Msat
		out    string
		ceiled payments.Msat
	}{
		{0, "0 sat", 0},
		{1, "0.001 sat", 1000},
		{999, "0.999 sat", 1000},
		{1000, "1 sat", 1000},
		{1001, "1.001 sat", 2000},
		{1500, "1.5 sat", 2000},
		{-1, "-0.001 sat", 0},
		{-1000, "-1 sat", -1000},
		{-1001, "-1.001 sat", -1000},
		{1500 * payments.Sat, "1500 sat", 1500 * payments.Sat},
		{21_000_000 * payments.BTC, "2100000000000000 sat", 21_000_000 * payments.BTC},
		{math.MaxInt64, "9223372036854775.807 sat", 9223372036854775000},
		{math.MaxInt64 - 807, "9223372036854775 sat", 9223372036854775000},
		{math.MaxInt64 - 808, "9223372036854774.999 sat", 9223372036854775000},
		{math.MinInt64, "-9223372036854775.808 sat", -9223372036854775000},
	} {
		require.Equal(t, tt.out, tt.in.String())
		require.Equal(t, tt.ceiled, tt.in.CeilSat(), "%d", int64(tt.in))
	}
}

func TestParse_Table(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]payments.Msat{
		"0":                    0,
		"0.00021":              21_000 * payments.Sat,
		"1":                    payments.BTC,
		"001.50":               payments.BTC + payments.BTC/2,
		"0.00000000001":        1,
		"0.0000000000100000":   1,
		"21000000":             21_000_000 * payments.BTC,
		"92233720.36854775807": math.MaxInt64,
	} {
		got, err := payments.ParseBTC(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{
		"", ".", "1.", ".5", "1.2.3", "-1", "+1", " 1", "1 ", "1e3", "1,5", "1_000", "0x10", "NaN", "Inf", "one", "١",
		"0.000000000001", "92233720.36854775808", "99999999999999999999", strings.Repeat("9", 500),
	} {
		_, err := payments.ParseBTC(in)
		require.ErrorIs(t, err, payments.ErrAmount, "%q", in)
		require.Less(t, len(err.Error()), 160, "a long input is cut")
	}
	_, err := payments.ParseSat("0.0001")
	require.ErrorContains(t, err, "finer than one millisatoshi")
	sat, err := payments.ParseSat("0.0010")
	require.NoError(t, err)
	require.EqualValues(t, 1, sat)
}

func FuzzParseBTC(f *testing.F) {
	for _, s := range []string{"0.00021", "1", ".5", "-1", "92233720.36854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := payments.ParseBTC(s)
		if err != nil {
			require.ErrorIs(t, err, payments.ErrAmount)
			return
		}
		exact, ok := new(big.Rat).SetString(s)
		require.True(t, ok)
		require.Zero(t, exact.Mul(exact, big.NewRat(int64(payments.BTC), 1)).Cmp(big.NewRat(int64(m), 1)))
	})
}

func FuzzParseMsat(f *testing.F) {
	for _, s := range []string{"1500 sat", "0.00021 BTC", "7 msat", "1", "-1 sat", "1 sat sat"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := payments.ParseMsat(s)
		if err != nil {
			require.ErrorIs(t, err, payments.ErrAmount)
			return
		}
		again, err := payments.ParseMsat(m.String())
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}
