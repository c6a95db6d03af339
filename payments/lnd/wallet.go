package lnd

import (
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// Wallet is one lnd. It is safe for concurrent use.
type Wallet struct {
	url        string
	secrets    func() *secrets // a func, so that no way of printing a Wallet shows them
	network    bolt11.Network
	routeHints bool
	payTimeout time.Duration
	grace      time.Duration // payGrace, shorter in tests
	client     *http.Client
}

type secrets struct {
	macaroon string // hex
	preimage PreimageKey
}

var (
	_ payments.Provider  = (*Wallet)(nil)
	_ payments.Finder    = (*Wallet)(nil)
	_ payments.Watcher   = (*Wallet)(nil)
	_ payments.Payer     = (*Wallet)(nil)
	_ payments.Holder    = (*Wallet)(nil)
	_ payments.Describer = (*Wallet)(nil)
)

// New checks the settings, all at once, and makes no connection.
func New(c Config) (*Wallet, error) {
	pool, err := c.check()
	if err != nil {
		return nil, err
	}
	if c.PayTimeout == 0 {
		c.PayTimeout = time.Minute
	}
	hidden := &secrets{hex.EncodeToString(c.Macaroon), c.PreimageKey}
	return &Wallet{
		url:        strings.TrimRight(c.URL, "/"),
		secrets:    func() *secrets { return hidden },
		network:    c.Network,
		routeHints: c.RouteHints,
		payTimeout: c.PayTimeout,
		grace:      payGrace,
		client: &http.Client{
			// No Timeout: the headers of a stream come with its first
			// message, which may be tomorrow. Each call has a context.
			Transport: &http.Transport{
				TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
				DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
				TLSHandshakeTimeout: dialTimeout,
				MaxIdleConnsPerHost: 8,
				IdleConnTimeout:     time.Minute,
			},
			// lnd redirects nowhere; whoever does must not get the macaroon.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes idle connections. The Wallet stays usable.
func (w *Wallet) Close() { w.client.CloseIdleConnections() }

// String is "lnd at URL".
func (w *Wallet) String() string { return "lnd at " + w.url }
