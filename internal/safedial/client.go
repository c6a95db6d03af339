package safedial

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const maxRedirects = 2

// Client is an http.Client whose every hop is checked. It is one client,
// shared by all callers. Its CloseIdleConnections closes the few connections
// kept for a next request.
//
// It does not bound the body, since that may be a WebSocket: read through
// [ReadAll].
func (g *Guard) Client() *http.Client { return g.client }

func (g *Guard) newClient(timeout time.Duration) *http.Client {
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	hops := &hops{public: g.transport(nil), sandbox: make(map[string]*http.Transport, len(g.sandbox))}
	for key, s := range g.sandbox {
		hops.sandbox[key] = g.transport(s.roots)
	}
	return &http.Client{Transport: hops, CheckRedirect: checkRedirect, Timeout: timeout}
}

func (g *Guard) transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		DialContext:            g.DialContext,
		TLSClientConfig:        tlsConfig(roots),
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           16,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        10 * time.Second,
	}
}

// hops sends each request, first or redirected, by the transport that trusts
// the right certificates.
type hops struct {
	public  *http.Transport
	sandbox map[string]*http.Transport
}

func (h *hops) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkURL(req.URL); err != nil {
		if req.Body != nil {
			req.Body.Close() // a RoundTripper closes it on errors too
		}
		return nil, err
	}
	if t, ok := h.sandbox[urlHostPort(req.URL)]; ok {
		return t.RoundTrip(req)
	}
	return h.public.RoundTrip(req)
}

// CloseIdleConnections is called by http.Client's method of that name.
func (h *hops) CloseIdleConnections() {
	h.public.CloseIdleConnections()
	for _, t := range h.sandbox {
		t.CloseIdleConnections()
	}
}

// checkURL names no part of the URL in its errors: it may hold an address.
func checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !isOnion(u.Hostname())): // Tor encrypts, and there are no certificates
		return fmt.Errorf("safedial: %w", ErrScheme)
	case u.User != nil:
		return fmt.Errorf("safedial: %w", ErrUserinfo)
	case u.Hostname() == "":
		return fmt.Errorf("safedial: %w: no host", ErrAddress)
	}
	return nil
}

func urlHostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return hostPort(u.Hostname(), port)
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("safedial: %w: more than %d", ErrRedirect, maxRedirects)
	case req.URL.Scheme != first.Scheme:
		return fmt.Errorf("safedial: %w: to another scheme", ErrRedirect)
	case urlHostPort(req.URL) != urlHostPort(first):
		return fmt.Errorf("safedial: %w: to another host", ErrRedirect)
	}
	return nil
}

// ReadAll reads r to its end, at most limit bytes; a longer one is
// [ErrTooLarge], and limit+1 bytes of it were read.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("safedial: %w: over %d bytes", ErrTooLarge, limit)
	}
	return b, nil
}
