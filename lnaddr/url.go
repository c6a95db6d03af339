package lnaddr

import (
	"net/url"
	"strings"
)

// checkURL reads a URL that a stranger named: https on port 443, or for a .onion
// host also http on port 80, a host name that is no IP address, no user name,
// no fragment, plain ASCII. The path and the query stay as they are. The error
// is [ErrNotAddress].
func checkURL(raw string) (*url.URL, error) {
	if len(raw) > maxURL || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, ErrNotAddress
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, ErrNotAddress
	}
	host, err := hostname(u.Hostname())
	if err != nil {
		return nil, err
	}
	port := "443"
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && isOnion(host): // LUD-01
		port = "80"
	default:
		return nil, ErrNotAddress
	}
	if u.Opaque != "" || u.User != nil || u.Fragment != "" ||
		u.Port() != "" && u.Port() != port || strings.Contains(raw, "#") {
		return nil, ErrNotAddress
	}
	u.Host = host
	return u, nil
}

// withQuery appends to the query as it is: services sign theirs, or depend on
// its order.
func withQuery(u *url.URL, name, value string) *url.URL {
	v := *u
	if v.RawQuery != "" {
		v.RawQuery += "&"
	}
	v.RawQuery += name + "=" + url.QueryEscape(value)
	return &v
}

func isOnion(host string) bool { return strings.HasSuffix(host, ".onion") }

// scheme is how a host is asked that was named without one.
func scheme(host string) string {
	if isOnion(host) {
		return "http://"
	}
	return "https://"
}
