// Package relayurl gives the address of a relay its one spelling, so that two
// lists that mean the same relay can be seen to.
package relayurl

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// ErrURL is wrapped by [Normalize]'s errors.
var ErrURL = errors.New("not a relay URL: want wss://host or ws://host")

// Normalize is lower-case scheme and host, no default port, no slash after a
// bare host. Path and query are kept. A URL with a user name or a fragment is
// none.
func Normalize(raw string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		// The parser's error repeats its input, which may hold a password.
		return "", ErrURL
	}
	u.Scheme = strings.ToLower(u.Scheme)
	host, port := strings.ToLower(u.Hostname()), u.Port()
	_, notIP := netip.ParseAddr(host)
	if (u.Scheme != "ws" && u.Scheme != "wss") || u.User != nil || u.Fragment != "" ||
		host == "" || strings.Contains(host, ":") && notIP != nil {
		return "", fmt.Errorf("%w, got %q", ErrURL, u.Redacted())
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || u.Scheme == "ws" && port == "80" || u.Scheme == "wss" && port == "443" {
		u.Host = host
	} else {
		u.Host = host + ":" + port
	}
	if u.Path == "/" {
		u.Path = ""
	}
	return u.String(), nil
}
