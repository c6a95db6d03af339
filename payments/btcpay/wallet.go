package btcpay

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dmshop/dmshop/internal/keylock"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// Wallet is one store of a BTCPay Server. It is safe for concurrent use.
type Wallet struct {
	url            string
	store          string
	secrets        func() *secrets // a func, so that no way of printing a Wallet shows them
	network        bolt11.Network
	payTimeout     time.Duration
	refundAtAnyFee bool
	paysAtOnce     atomic.Bool   // CheckPayouts has passed
	invoices       keylock.Locks // by the Charge's Key
	paying         keylock.Locks // by payment hash
	refunds        keylock.Locks // by the Refund's Key, and by pull payment
	client         *http.Client
}

type secrets struct {
	apiKey   string
	webhooks []string
}

var (
	_ payments.Provider        = (*Wallet)(nil)
	_ payments.Finder          = (*Wallet)(nil)
	_ payments.WebhookVerifier = (*Wallet)(nil)
	_ payments.Payer           = (*Wallet)(nil)
	_ payments.Refunder        = (*Wallet)(nil)
	_ payments.Describer       = (*Wallet)(nil)
)

// New checks the settings, all at once, and makes no connection.
func New(c Config) (*Wallet, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.PayTimeout == 0 {
		c.PayTimeout = defaultPayTimeout
	}
	hidden := &secrets{apiKey: string(c.APIKey)}
	for _, s := range slices.Clone(c.WebhookSecrets) {
		hidden.webhooks = append(hidden.webhooks, string(s))
	}
	return &Wallet{
		url:            strings.TrimRight(c.URL, "/"),
		store:          c.StoreID,
		secrets:        func() *secrets { return hidden },
		network:        c.Network,
		payTimeout:     c.PayTimeout,
		refundAtAnyFee: c.RefundAtAnyFee,
		client: &http.Client{
			// No Timeout: each call has a context with its own.
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
				DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
				TLSHandshakeTimeout: dialTimeout,
				ForceAttemptHTTP2:   true,
				MaxIdleConnsPerHost: 8,
				IdleConnTimeout:     time.Minute,
			},
			// Whoever redirects must not get the API key.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes idle connections. The Wallet stays usable.
func (w *Wallet) Close() { w.client.CloseIdleConnections() }

// String is "btcpay store ID at URL".
func (w *Wallet) String() string { return "btcpay store " + w.store + " at " + w.url }

// of is a path of the store. The long form is known to all versions.
func (w *Wallet) of(path string) string { return "/api/v1/stores/" + w.store + path }
