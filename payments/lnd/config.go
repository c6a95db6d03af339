package lnd

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// Config says which lnd, and with what rights. URL, Macaroon, PreimageKey and
// Network are required.
type Config struct {
	// URL is lnd's REST interface: "https://127.0.0.1:8080".
	URL string
	// Cert is lnd's tls.cert, PEM: the only certificate that is then trusted.
	// Empty trusts the system's authorities, for nodes behind a public
	// certificate.
	Cert []byte
	// Macaroon is the credential; see the package comment for the least one.
	Macaroon Macaroon
	// PreimageKey makes the preimages. It must stay the same as long as the
	// shop's keys do: with another one, one key gets a second invoice.
	PreimageKey PreimageKey
	// Network is the only one whose invoices are made and paid.
	Network bolt11.Network
	// RouteHints puts the node's private channels into its invoices: needed
	// where it is paid through such channels.
	RouteHints bool
	// PayTimeout is how long lnd looks for routes; zero means a minute. It
	// does not end what is on its way. Whole seconds.
	PayTimeout time.Duration
}

// Macaroon is lnd's credential in its binary form. It redacts itself in fmt,
// JSON and slog.
type Macaroon []byte

// ParseMacaroon reads a macaroon as lnd writes it to a file, or the hex digits
// of that.
func ParseMacaroon(text []byte) (Macaroon, error) {
	m := text
	if raw, err := hex.DecodeString(strings.TrimSpace(string(text))); err == nil {
		m = raw
	}
	// Version 2 of the binary format, the only one that lnd bakes.
	if len(m) < 8 || len(m) > 8192 || m[0] != 2 {
		return nil, fmt.Errorf("lnd: macaroon: %d bytes that are none", len(text))
	}
	return Macaroon(m), nil
}

// PreimageKey is the secret of which the preimages of invoices are made. Who
// knows it can claim payments to the shop on their way. It redacts itself in
// fmt, JSON and slog. Make one with crypto/rand.
type PreimageKey [32]byte

// ParsePreimageKey reads 64 hex digits.
func ParsePreimageKey(s string) (PreimageKey, error) {
	h, err := payments.ParseHash(s)
	if err != nil {
		return PreimageKey{}, errors.New("lnd: preimage key: want 64 hex digits")
	}
	return PreimageKey(h), nil
}

// preimage is of the invoice under a key: always the same, and without a trace
// of others.
func (k *PreimageKey) preimage(key string) payments.Preimage { return k.derive("preimage", key) }

// ofHold is the name of the claim on a hold's hash.
func (k *PreimageKey) ofHold(h payments.Hash) payments.Preimage {
	return k.derive("hold", string(h[:]))
}

func (k *PreimageKey) derive(purpose, of string) payments.Preimage {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte("dmshop lnd " + purpose + "\x00" + of))
	return payments.Preimage(mac.Sum(nil))
}

const redacted = "REDACTED"

// String hides the macaroon.
func (Macaroon) String() string { return redacted }

// Format hides the macaroon from all verbs.
func (Macaroon) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the macaroon from slog and JSON.
func (Macaroon) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// String hides the key.
func (PreimageKey) String() string { return redacted }

// Format hides the key from all verbs.
func (PreimageKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the key from slog and JSON.
func (PreimageKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// check finds all that is wrong at once.
func (c Config) check() (pool *x509.CertPool, err error) {
	var errs []error
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		errs = append(errs, errors.New("URL: not an URL"))
	case u.Scheme != "https" || u.Host == "":
		// The macaroon is a bearer secret.
		errs = append(errs, errors.New(`URL: want "https://host:port"`))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		errs = append(errs, errors.New("URL: want no more than scheme, host and path"))
	}
	if len(c.Cert) > 0 {
		pool = x509.NewCertPool()
		if !pool.AppendCertsFromPEM(c.Cert) {
			errs = append(errs, errors.New("Cert: no certificate in PEM"))
		}
	}
	if len(c.Macaroon) == 0 {
		errs = append(errs, errors.New("Macaroon: required"))
	}
	if c.PreimageKey == (PreimageKey{}) {
		errs = append(errs, errors.New("PreimageKey: required: 32 random bytes, kept with the shop's secrets"))
	}
	switch c.Network {
	case bolt11.Mainnet, bolt11.Testnet, bolt11.Signet, bolt11.Regtest:
	default:
		errs = append(errs, errors.New("Network: required: one of bolt11's"))
	}
	if c.PayTimeout < 0 || c.PayTimeout%time.Second != 0 {
		errs = append(errs, fmt.Errorf("PayTimeout: want whole seconds, got %v", c.PayTimeout))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("lnd: %w", err)
	}
	return pool, nil
}
