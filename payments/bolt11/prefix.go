package bolt11

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/chaincfg"
)

const (
	msatPerBTC = 100_000_000_000
	maxMsat    = 21_000_000 * msatPerBTC
)

// parsePrefix reads the human-readable part: "ln", network, amount. The longer
// of two prefixes goes first; no amount begins with a letter, so only one fits.
func parsePrefix(hrp string) (Network, int64, error) {
	for _, n := range []Network{Regtest, Signet, Mainnet, Testnet} {
		amount, ok := strings.CutPrefix(hrp, "ln"+string(n))
		if !ok {
			continue
		}
		msat, err := parseAmount(amount)
		return n, msat, err
	}
	if !strings.HasPrefix(hrp, "ln") {
		return "", 0, fmt.Errorf("%w: does not begin with ln", ErrMalformed)
	}
	return "", 0, fmt.Errorf("%w: prefix %q", ErrNetwork, clip(hrp))
}

// parseAmount reads an amount and its multiplier, empty for no amount.
func parseAmount(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	fail := func(why string) (int64, error) { return 0, fmt.Errorf("%w: %q: %s", ErrAmount, clip(s), why) }
	digits, unit := s, uint64(msatPerBTC)
	switch s[len(s)-1] {
	case 'm':
		unit = msatPerBTC / 1_000
	case 'u':
		unit = msatPerBTC / 1_000_000
	case 'n':
		unit = msatPerBTC / 1_000_000_000
	case 'p':
		unit = 0 // a tenth of a millisatoshi
	default:
		digits += "x"
	}
	digits = digits[:len(digits)-1]
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return fail("want digits and at most one of m, u, n, p")
	}
	if digits[0] == '0' {
		return fail("begins with 0")
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return fail("more than 21 million BTC")
	}
	if unit == 0 {
		if n%10 != 0 {
			return fail("finer than one millisatoshi")
		}
		n, unit = n/10, 1
	}
	if n > maxMsat/unit {
		return fail("more than 21 million BTC")
	}
	return int64(n * unit), nil
}

// params are what zpay32 calls a network.
func (n Network) params() *chaincfg.Params {
	switch n {
	case Mainnet:
		return &chaincfg.MainNetParams
	case Testnet:
		return &chaincfg.TestNet3Params
	case Signet:
		return &chaincfg.SigNetParams
	case Regtest:
		return &chaincfg.RegressionNetParams
	default:
		return nil
	}
}

func clip(s string) string {
	if len(s) > 32 {
		return s[:32] + "..."
	}
	return s
}
