package lnaddr

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// maxBody is enough for the images that LUD-06 allows.
const maxBody = 256 << 10

// Host lets a sandbox stand in for a service: the exact name, where it really
// listens, and the authority that signs its certificate. See
// lnaddrtest.Server.Host.
type Host = safedial.Host

// Config is what a [Client] needs. Only Network is required.
type Config struct {
	// Network is the one that invoices must be of.
	Network bolt11.Network
	// Timeout bounds each exchange; zero means 5 s.
	Timeout time.Duration
	// Margin is how long an invoice must still live when it comes; zero means
	// 30 s.
	Margin time.Duration
	// MaxLife is how long it may live at most; zero means 31 days. A payment
	// that hangs keeps a refund waiting for as long.
	MaxLife time.Duration
	// Payer is what services may know of this side when they ask (LUD-18).
	// The zero value tells nothing.
	Payer PayerData
	// Onion is the address ("127.0.0.1:9050") of a SOCKS5 proxy into Tor.
	// Empty means that .onion addresses are refused.
	Onion string
	// Allow lists the hosts of a sandbox. Leave it empty elsewhere.
	Allow []Host
	// Logger gets warnings; nil means slog.Default().
	Logger *slog.Logger
	// Now is the clock that invoices are held against; nil means time.Now.
	Now func() time.Time
}

// Client asks services. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client
}

// NewClient makes a client. It fails when the configuration is not usable, with
// all faults named.
func NewClient(cfg Config) (*Client, error) {
	var faults []error
	switch cfg.Network {
	case bolt11.Mainnet, bolt11.Testnet, bolt11.Signet, bolt11.Regtest:
	default:
		faults = append(faults, errors.New("lnaddr: Config.Network: want one of bolt11's networks"))
	}
	if cfg.Timeout < 0 || cfg.Margin < 0 || cfg.MaxLife < 0 {
		faults = append(faults, errors.New("lnaddr: Config: a negative duration"))
	}
	guard, err := safedial.New(safedial.Options{Allow: cfg.Allow, Onion: cfg.Onion, Timeout: cfg.Timeout})
	if err != nil {
		faults = append(faults, fmt.Errorf("lnaddr: Config: %w", err))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if cfg.Margin == 0 {
		cfg.Margin = 30 * time.Second
	}
	if cfg.MaxLife == 0 {
		cfg.MaxLife = 31 * 24 * time.Hour
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Client{cfg: cfg, http: guard.Client()}, nil
}

// CloseIdle closes the few connections kept for a next question. The client
// stays usable.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Resolve asks what an address takes. It is the probe to make when a customer
// names an address, with [Params.Accepts].
func (c *Client) Resolve(ctx context.Context, a Address) (Params, error) {
	if a.IsZero() {
		return Params{}, &Error{Step: StepResolve, Kind: ErrNotAddress}
	}
	u, err := checkURL(a.url)
	if err != nil {
		return Params{}, &Error{Step: StepResolve, Kind: err}
	}
	body, fail := c.get(ctx, u)
	if fail != nil {
		return Params{}, fail.at(StepResolve, a.host)
	}
	p, fail := readParams(body, c.cfg.Payer)
	if fail != nil {
		return Params{}, fail.at(StepResolve, a.host)
	}
	p.host = a.host
	return p, nil
}

func (e *Error) at(step Step, host string) *Error {
	e.Step, e.Host = step, host
	return e
}

// get reads a URL. Whatever the HTTP status, JSON counts (LUD-01). The error is
// without step and host.
func (c *Client) get(ctx context.Context, u *url.URL) ([]byte, *Error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, &Error{Kind: ErrAnswer, Err: errors.New("not a URL to ask")}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "dmshop")
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, safedial.ErrOnion):
		return nil, &Error{Kind: ErrOnion}
	case err != nil:
		return nil, &Error{Kind: ErrUnreachable, Err: cause(ctx, err)}
	}
	defer resp.Body.Close()
	body, err := safedial.ReadAll(resp.Body, maxBody)
	switch {
	case errors.Is(err, safedial.ErrTooLarge):
		return nil, &Error{Kind: ErrAnswer, Err: err}
	case err != nil:
		return nil, &Error{Kind: ErrUnreachable, Err: cause(ctx, err)}
	}
	if !json.Valid(body) {
		return nil, notJSON(resp.StatusCode)
	}
	return body, nil
}

// notJSON is about the page of something in between: a proxy in front of a
// service that is down, or a web server that knows no LNURL.
func notJSON(status int) *Error {
	e := &Error{Kind: ErrAnswer, Err: fmt.Errorf("not JSON, HTTP status %d", status)}
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		e.Kind = ErrUnreachable
	}
	return e
}

// cause keeps of an error of net/http what is safe to log. The rest repeats
// URLs, which hold addresses, and whatever the server sent.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var whole *url.Error
	if errors.As(err, &whole) {
		err = whole.Err
	}
	for _, known := range []error{
		safedial.ErrAddress, safedial.ErrPort, safedial.ErrScheme, safedial.ErrUserinfo, safedial.ErrRedirect,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	var network net.Error
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &network) || errors.As(err, &certificate) {
		return err
	}
	return fmt.Errorf("broken exchange (%T)", err)
}
