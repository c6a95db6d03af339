package safedial

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrHostname is returned by [Hostname].
var ErrHostname = errors.New("not a host name of the Internet")

var profile = idna.New(
	idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
	idna.StrictDomainName(true), idna.VerifyDNSLength(true),
)

// Hostname is the one spelling of a host name that a stranger wrote: lower
// case, ASCII (IDNA 2008, "xn--"), at least two labels, no trailing dot.
// An IP address is refused in every notation that some resolver would read,
// and so are a port, a user name and anything else beside the name.
//
// It is a check of syntax, to refuse nonsense early and to compare names; what
// a name resolves to is checked when it is dialled.
func Hostname(s string) (string, error) {
	const most = 4 * 253 // bytes of UTF-8 whose ASCII form could still fit
	if len(s) > most || !utf8.ValidString(s) {
		return "", ErrHostname
	}
	host, err := profile.ToASCII(s)
	if err != nil {
		return "", ErrHostname // idna's error repeats what was written
	}
	labels := strings.Split(host, ".")
	if len(labels) < 2 || numeric(labels[len(labels)-1]) {
		return "", ErrHostname
	}
	return host, nil
}

// numeric tells whether a last label makes the name an IPv4 address for some
// reader: 1, 0177, 0x7f. No top-level domain looks so.
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
