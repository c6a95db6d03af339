package lnaddr

import (
	"net/url"
	"strings"
)

// checkURL reads a URL that a stranger named: https, a host name that is no IP
// address, port 443, no user name, no fragment, plain ASCII. The path and the
// query stay as they are. Errors are [ErrNotAddress] and [ErrOnion].
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
	if u.Scheme != "https" || u.Opaque != "" || u.User != nil || u.Fragment != "" ||
		u.Port() != "" && u.Port() != "443" || strings.Contains(raw, "#") {
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
