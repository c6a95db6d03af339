package catalog

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

func TestSandbox_LaunchCountries(t *testing.T) {
	t.Parallel()
	c := Sandbox()
	for _, code := range []string{"BR", "AR", "SV", "MX", "IN", "ID", "VN", "NG", "KE", "ZA", "RO", "DE", "ES", "IT", "FR", "NL", "PL", "GB"} {
		country, ok := c.Country(code)
		require.True(t, ok, code)
		require.GreaterOrEqual(t, len(country.Operators), 2, code)
		for _, op := range country.Operators {
			for _, p := range op.Packages {
				require.Positive(t, p.Price, op.SKU)
				_, whole := p.Price.Sat()
				require.True(t, whole, op.SKU)
			}
		}
	}
	require.Len(t, c.Countries(), 18)
}

func TestSandbox_VodafoneRomania(t *testing.T) {
	t.Parallel()
	op, ok := Sandbox().Operator("VODAFONE-romania-RO")
	require.True(t, ok)
	require.Equal(t, "vodafone-romania", op.ID)
	require.Equal(t, "EUR", op.Currency)
	var values []string
	for _, p := range op.Packages {
		values = append(values, p.Value)
	}
	require.Equal(t, []string{"5", "10", "20"}, values)
}

func TestParse_RefusesWhatCannotBeSold(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"not JSON":       `{`,
		"no price":       `{"countries":[{"code":"XX","operators":[{"id":"a","currency":"EUR","values":["5"]}]}]}`,
		"bad value":      `{"msat_per_unit":{"EUR":1},"countries":[{"code":"XX","operators":[{"id":"a","currency":"EUR","values":["five"]}]}]}`,
		"no amounts":     `{"msat_per_unit":{"EUR":1},"countries":[{"code":"XX","operators":[{"id":"a","currency":"EUR"}]}]}`,
		"operator twice": `{"msat_per_unit":{"EUR":1},"countries":[{"code":"XX","operators":[{"id":"a","currency":"EUR","values":["5"]},{"id":"A","currency":"EUR","values":["5"]}]}]}`,
	} {
		_, err := parse([]byte(in))
		require.Error(t, err, name)
	}
}

func TestConvert_RoundsUpAndNeverOverflows(t *testing.T) {
	t.Parallel()
	got, err := convert("2.5", 1001)
	require.NoError(t, err)
	require.Equal(t, 3*payments.Sat, got)
	_, err = convert("9000000000000000", 1<<40)
	require.Error(t, err)
}

func TestPhone(t *testing.T) {
	t.Parallel()
	for _, ok := range []struct{ in, country, want string }{
		{"+40712345678", "RO", "+40712345678"},
		{" +40 (712) 345-678 ", "RO", "+40712345678"},
		{"0712345678", "RO", "+40712345678"},
		{"+55 11 98765-4321", "BR", "+5511987654321"},
		{"+447400123456", "GB", "+447400123456"},
		{"+50370123456", "SV", "+50370123456"},
	} {
		got, err := Phone(ok.in, ok.country)
		require.NoError(t, err, ok.in)
		require.Equal(t, ok.want, got)
	}
	for _, bad := range []struct {
		in, country string
		want        error
	}{
		{"hello", "RO", ErrNotPhone},
		{"", "RO", ErrNotPhone},
		{"+", "RO", ErrNotPhone},
		{"12", "RO", ErrNotPhone},
		{"+4071234567890123456", "RO", ErrNotPhone},
		{"+5511987654321", "RO", ErrOtherCountry},
		{"+49 1512 3456789", "RO", ErrOtherCountry},
		{"+40213456789", "RO", ErrNotMobile},
		{"+40712345678x", "RO", ErrNotPhone},
		{"+4０712345678", "RO", ErrNotPhone},
	} {
		_, err := Phone(bad.in, bad.country)
		require.ErrorIs(t, err, bad.want, bad.in)
	}
}

func FuzzPhone(f *testing.F) {
	f.Add("+40712345678", "RO")
	f.Add("0712345678", "DE")
	f.Fuzz(func(t *testing.T, in, country string) {
		if got, err := Phone(in, country); err == nil {
			require.Regexp(t, `^\+[0-9]{4,18}$`, got)
		}
	})
}

func ExampleSKU() {
	fmt.Println(SKU("vodafone-romania", "RO"))
	fmt.Println(SKU("Digi Mobil RO", "RO"))
	// Output:
	// vodafone-romania-ro
	// digi-mobil-ro
}
