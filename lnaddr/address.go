package lnaddr

import (
	"log/slog"
	"strings"
	"unicode"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/fiatjaf/go-lnurl"
)

// Lengths that no honest address exceeds.
const (
	maxText  = 4296 // what one QR code holds
	maxLocal = 64
	maxURL   = 2048
)

// Address is where to pay: a Lightning address or an LNURL. It is comparable,
// and two spellings of one address are equal. The zero value is nowhere.
type Address struct {
	text  string // as String prints it
	local string // empty for an LNURL
	host  string
	url   string // where the first question goes
}

// Parse reads what a customer wrote: "alice@wallet.example", also with a tag
// ("alice+tips@..."), "LNURL1...", "lnurlp://wallet.example/alice", each with
// or without "lightning:" in front and space around. The cases of letters that
// mean nothing are folded.
//
// Errors are [ErrInvoice] for a BOLT 11 invoice and [ErrNotAddress] for all
// else. They do not repeat the text.
func Parse(s string) (Address, error) {
	a, err := parse(strings.TrimSpace(s))
	if err != nil {
		return Address{}, &Error{Step: StepParse, Kind: err}
	}
	return a, nil
}

func parse(s string) (Address, error) {
	if len(s) > maxText+len("lightning:") {
		return Address{}, ErrNotAddress
	}
	if rest, ok := cutPrefixFold(s, "lightning:"); ok {
		s = strings.TrimPrefix(rest, "//")
	}
	if rest, ok := cutPrefixFold(s, "lnurlp://"); ok {
		name, _, _ := strings.Cut(rest, "/")
		name, _, _ = strings.Cut(name, ":")
		return parseURL(scheme(strings.ToLower(name))+rest, "lnurlp://"+rest)
	}
	if local, domain, ok := strings.Cut(s, "@"); ok {
		return parseLUD16(local, domain)
	}
	if _, ok := cutPrefixFold(s, "lnurl1"); ok {
		return parseLNURL(s)
	}
	if looksLikeInvoice(strings.ToLower(s)) {
		return Address{}, ErrInvoice
	}
	return Address{}, ErrNotAddress
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// parseLUD16 reads user@domain. The alphabet leaves nothing that a URL's path
// would take for more than one name, except for dots alone.
func parseLUD16(local, domain string) (Address, error) {
	if len(local) > maxLocal || !isASCII(local) {
		return Address{}, ErrNotAddress
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_.+"
	local = strings.ToLower(local)
	if strings.Trim(local, letters) != "" || strings.Trim(local, ".") == "" || local[0] == '+' {
		return Address{}, ErrNotAddress
	}
	host, err := hostname(domain)
	if err != nil {
		return Address{}, err
	}
	return Address{
		text:  local + "@" + host,
		local: local,
		host:  host,
		url:   scheme(host) + host + "/.well-known/lnurlp/" + local,
	}, nil
}

// parseLNURL reads the bech32 form (LUD-01). The codec takes mixed case, which
// BIP 173 forbids since it defeats the checksum.
func parseLNURL(s string) (Address, error) {
	if !isASCII(s) || s != strings.ToLower(s) && s != strings.ToUpper(s) {
		return Address{}, ErrNotAddress
	}
	s = strings.ToLower(s)
	raw, err := lnurl.LNURLDecode(s)
	if err != nil {
		return Address{}, ErrNotAddress
	}
	return parseURL(raw, s)
}

// isASCII comes before any folding of case, which turns some letters beyond
// ASCII into ordinary ones: the Kelvin sign into k.
func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func parseURL(raw, text string) (Address, error) {
	u, err := checkURL(raw)
	if err != nil {
		return Address{}, err
	}
	a := Address{text: text, host: u.Hostname(), url: u.String()}
	if strings.HasPrefix(text, "lnurlp://") {
		a.text = "lnurlp://" + strings.TrimPrefix(a.url, scheme(a.host))
	}
	return a, nil
}

func hostname(s string) (string, error) {
	host, err := safedial.Hostname(s)
	if err != nil || isOnion(host) && !onionV3(host) {
		return "", ErrNotAddress
	}
	return host, nil
}

// onionV3 tells whether the host is a service of Tor, or a name below one.
func onionV3(host string) bool {
	name := strings.TrimSuffix(host, ".onion")
	name = name[strings.LastIndexByte(name, '.')+1:]
	return len(name) == 56 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// looksLikeInvoice goes by the shape, not the checksum: a customer who sent an
// invoice with a letter missing sent an invoice.
func looksLikeInvoice(s string) bool {
	for _, prefix := range []string{"lnbcrt", "lntbs", "lnbc", "lntb"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return rest != "" && rest[0] >= '0' && rest[0] <= '9' && len(rest) > 50 &&
				strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
		}
	}
	return false
}

// String is the address in its one spelling, which Parse reads back. It is
// personal data.
func (a Address) String() string { return a.text }

// Host is the domain that is asked.
func (a Address) Host() string { return a.host }

// IsZero tells whether a is nowhere.
func (a Address) IsZero() bool { return a == Address{} }

// Short is enough for people to recognise the address and too little to pay
// to: "a...@wallet.example".
func (a Address) Short() string {
	switch {
	case a.IsZero():
		return ""
	case a.local == "":
		return "LNURL of " + a.host
	default:
		return a.local[:1] + "...@" + a.host
	}
}

// LogValue is [Address.Short].
func (a Address) LogValue() slog.Value { return slog.StringValue(a.Short()) }

// MarshalText is [Address.String], for storing.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.text), nil }

// UnmarshalText is [Parse]; empty text is the zero Address.
func (a *Address) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Address{}
		return nil
	}
	b, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = b
	return nil
}
