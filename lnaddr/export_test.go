package lnaddr

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"

	"github.com/dmshop/dmshop/internal/safedial"
)

// Trapped makes a client's strangers meet a resolver and a port of a test's
// own: where the client would dial 443, the guard is asked for that port, and
// decides.
func (c *Client) Trapped(port uint16, r *net.Resolver, allow ...Host) error {
	guard, err := safedial.New(safedial.Options{Ports: []uint16{443, port}, Resolver: r, Allow: allow, Timeout: c.cfg.Timeout})
	if err != nil {
		return err
	}
	strangers := *guard.Client()
	strangers.Transport = trapped{strangers.Transport, strconv.Itoa(int(port)), allow}
	c.http = &strangers
	return nil
}

type trapped struct {
	http.RoundTripper
	port  string
	allow []Host
}

func (t trapped) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, h := range t.allow {
		if h.Host == r.URL.Host {
			return t.RoundTripper.RoundTrip(r)
		}
	}
	r = r.Clone(r.Context())
	r.URL.Host = net.JoinHostPort(r.URL.Hostname(), t.port)
	return t.RoundTripper.RoundTrip(r)
}

// ReadSuccess reads a success action.
func ReadSuccess(raw []byte, host string) (SuccessAction, error) {
	return readSuccess(json.RawMessage(raw), host)
}

// CloseIdleConnections lets the clients of traps be closed.
func (t trapped) CloseIdleConnections() {
	if c, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// ReadParams reads the first answer of a service, for tests of the reader.
func ReadParams(body []byte) (Params, error) {
	p, err := readParams(body, PayerData{})
	if err != nil {
		return p, err
	}
	return p, nil
}

// Callback is where the invoice would be asked for.
func (p Params) Callback() string { return p.callback.String() }

// URL is where the first question goes.
func (a Address) URL() string { return a.url }

var (
	Integer = integer
	Clean   = clean
)
