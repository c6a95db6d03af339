package payments

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Msat is an amount of money in millisatoshi, an integer to be used like
// time.Duration: 900 * payments.Sat. The zero value is no money.
type Msat int64

// Units of money.
const (
	Sat Msat = 1000
	BTC Msat = 100_000_000 * Sat
)

// ErrAmount is wrapped by the errors of the parsers of amounts.
var ErrAmount = errors.New("not an amount of money")

// ParseMsat reads an amount with its unit: "1500 sat", as String prints it,
// "0.00021 BTC" or "1500000 msat". It is for settings and command lines.
func ParseMsat(s string) (Msat, error) {
	number, unit, _ := strings.Cut(s, " ")
	switch unit {
	case "sat":
		return ParseSat(number)
	case "BTC":
		return ParseBTC(number)
	case "msat":
		return parseDecimal(number, 0, unit)
	}
	return 0, fmt.Errorf("%w: %q: want a number and one of sat, BTC, msat", ErrAmount, clip(s))
}

// ParseBTC reads a decimal number of bitcoin, exactly: "0.00021", at most 11
// decimals (1 msat). Signs, exponents and separators are refused.
func ParseBTC(s string) (Msat, error) { return parseDecimal(s, 11, "BTC") }

// ParseSat reads a decimal number of satoshi, exactly: "1500" or "0.001", at
// most 3 decimals.
func ParseSat(s string) (Msat, error) { return parseDecimal(s, 3, "sat") }

func parseDecimal(s string, decimals int, unit string) (Msat, error) {
	fail := func(why string) (Msat, error) {
		return 0, fmt.Errorf("%w: %q %s: %s", ErrAmount, clip(s), unit, why)
	}
	whole, frac, dot := strings.Cut(s, ".")
	if !digits(whole) || dot && !digits(frac) {
		return fail("want digits with at most one decimal point")
	}
	if len(strings.TrimRight(frac, "0")) > decimals {
		return fail("finer than one millisatoshi")
	}
	frac = (frac + strings.Repeat("0", decimals))[:decimals]
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil {
		return fail("too large")
	}
	return Msat(n), nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func clip(s string) string {
	if len(s) > 32 {
		return s[:32] + "..."
	}
	return s
}

// Sat is the amount in whole satoshi; ok is false when a fraction was cut off
// (towards zero).
func (m Msat) Sat() (sat int64, ok bool) { return int64(m / Sat), m%Sat == 0 }

// CeilSat is the smallest whole number of satoshi that covers m, as an
// amount. It saturates instead of overflowing.
func (m Msat) CeilSat() Msat {
	if r := m % Sat; r > 0 {
		if m > math.MaxInt64-Sat {
			return math.MaxInt64 / Sat * Sat
		}
		return m - r + Sat
	} else if r < 0 {
		return m - r
	}
	return m
}

// String prints satoshi without rounding: "1500 sat", "0.001 sat".
func (m Msat) String() string { return m.FormatSat() + " sat" }

// FormatSat is the amount in satoshi as a decimal number without rounding,
// which ParseSat reads back: "1500", "0.001".
func (m Msat) FormatSat() string { return m.format(3) }

// FormatBTC is the amount in bitcoin as a decimal number without rounding,
// which ParseBTC reads back: "0.00021".
func (m Msat) FormatBTC() string { return m.format(11) }

// format prints m in units of 10^decimals.
func (m Msat) format(decimals int) string {
	sign, u := "", uint64(m)
	if m < 0 {
		sign, u = "-", -u
	}
	s := fmt.Sprintf("%0*d", decimals+1, u)
	point := len(s) - decimals
	return sign + strings.TrimSuffix(s[:point]+"."+strings.TrimRight(s[point:], "0"), ".")
}
