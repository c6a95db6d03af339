package btcpay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"time"

	"github.com/dmshop/dmshop/payments/bolt11"
)

// Config says which store of which server, and with what rights. URL, StoreID,
// APIKey and Network are required.
type Config struct {
	// URL is the server: "https://btcpay.example". Plain http is for a
	// loopback address only, since the API key travels with each request.
	URL string
	// StoreID is the store's, as its settings show it.
	StoreID string
	// APIKey is the credential; see the package comment for the least one.
	APIKey APIKey
	// Network is the only one whose invoices are made and paid. BTCPay does
	// not tell which one it is on: each invoice is checked.
	Network bolt11.Network
	// WebhookSecrets verify webhooks: any one of them counts, so that they
	// can be rotated. [Wallet.Subscribe] hands the first one to the server.
	// None means that no webhook is taken.
	WebhookSecrets []WebhookSecret
	// RefundAtAnyFee allows refunds to Lightning addresses and LNURLs. BTCPay
	// pays them by itself and takes no fee limit: the MaxFee of such a refund
	// is not kept. Without it only invoices are refunded to.
	RefundAtAnyFee bool
	// PayTimeout is how long BTCPay waits for the end of a payment; zero
	// means its default of 30 seconds. It does not end what is on its way.
	// Whole seconds.
	PayTimeout time.Duration
}

// APIKey is a Greenfield API key. It redacts itself in fmt, JSON and slog.
type APIKey string

// WebhookSecret signs webhooks. It redacts itself in fmt, JSON and slog.
type WebhookSecret string

const redacted = "REDACTED"

// String hides the key.
func (APIKey) String() string { return redacted }

// Format hides the key from all verbs.
func (APIKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the key from slog and JSON.
func (APIKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// String hides the secret.
func (WebhookSecret) String() string { return redacted }

// Format hides the secret from all verbs.
func (WebhookSecret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the secret from slog and JSON.
func (WebhookSecret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// defaultPayTimeout is BTCPay's own.
const defaultPayTimeout = 30 * time.Second

// An id as BTCPay makes them: it goes into a path as it is.
var anID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// check finds all that is wrong at once.
func (c Config) check() error {
	var errs []error
	if err := checkURL(c.URL); err != nil {
		errs = append(errs, err)
	}
	if !anID.MatchString(c.StoreID) {
		errs = append(errs, errors.New("StoreID: required: letters and digits, as the store's settings show it"))
	}
	if c.APIKey == "" {
		errs = append(errs, errors.New("APIKey: required"))
	}
	switch c.Network {
	case bolt11.Mainnet, bolt11.Testnet, bolt11.Signet, bolt11.Regtest:
	default:
		errs = append(errs, errors.New("Network: required: one of bolt11's"))
	}
	for i, s := range c.WebhookSecrets {
		if s == "" {
			errs = append(errs, fmt.Errorf("WebhookSecrets: number %d is empty", i+1))
		}
	}
	if c.PayTimeout < 0 || c.PayTimeout%time.Second != 0 {
		errs = append(errs, fmt.Errorf("PayTimeout: want whole seconds, got %v", c.PayTimeout))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("btcpay: %w", err)
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("URL: not an URL")
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme != "https" || u.Host == "":
		return errors.New(`URL: want "https://host", or http for a loopback address`)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("URL: want no more than scheme, host and path")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
