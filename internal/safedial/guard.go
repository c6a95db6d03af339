package safedial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/proxy"
)

// What the guard refuses, for errors.Is through any wrapping of net and
// net/http.
var (
	// ErrAddress means that the host is, or resolves to, an address outside
	// the public Internet.
	ErrAddress = errors.New("not a public address")
	// ErrPort means a port that was not asked for.
	ErrPort = errors.New("port not allowed")
	// ErrScheme means a URL that is not https.
	ErrScheme = errors.New("not https")
	// ErrUserinfo means a URL with a user name or password in it.
	ErrUserinfo = errors.New("user name in URL")
	// ErrRedirect means a redirect to elsewhere, or one too many.
	ErrRedirect = errors.New("redirect refused")
	// ErrTooLarge is returned by [ReadAll].
	ErrTooLarge = errors.New("body too large")
	// ErrOnion means a .onion host, which needs a Tor proxy; none is
	// configured ([Options].Onion).
	ErrOnion = errors.New("onion host without a proxy")
)

// Host lets one named host through to a target of the caller's choice. It is
// for sandbox code alone.
type Host struct {
	// Host is the exact name in the URL, with a port unless it is 443:
	// "wallet.example" or "wallet.example:8443".
	Host string
	// Dial is the IP address and port to connect to instead,
	// "127.0.0.1:41234".
	Dial string
	// CA is the PEM of the certificates that vouch for this host, and for no
	// other. Required.
	CA []byte
}

// Options are the settings of a [Guard]. The zero value is the strict default.
type Options struct {
	// Ports that may be dialled; nil means 443 alone.
	Ports []uint16
	// Connect bounds resolving and connecting; zero means 2 s.
	Connect time.Duration
	// Timeout bounds one request through [Guard.Client], redirects and body
	// included; zero means 5 s. A WebSocket's life after the handshake is not
	// counted.
	Timeout time.Duration
	// Resolver looks names up; nil means net.DefaultResolver.
	Resolver *net.Resolver
	// Onion is the address ("127.0.0.1:9050") of a SOCKS5 proxy into Tor. It
	// dials .onion hosts, on ports 80 and 443, and nothing else. Empty means
	// that they are refused.
	Onion string
	// Allow lists the hosts of a sandbox.
	Allow []Host
}

// Guard dials on behalf of strangers. It is safe for concurrent use.
type Guard struct {
	ports  []uint16
	dialer net.Dialer
	// sandbox maps "host:port" to what stands in for it.
	sandbox map[string]standIn
	onion   proxy.ContextDialer // nil where there is none
	client  *http.Client
	// public is [Public], replaced in this package's tests, which have no
	// Internet to dial.
	public func(netip.Addr) bool
}

type standIn struct {
	target string
	roots  *x509.CertPool
}

// New makes a guard. It fails when an entry of o.Allow is not usable, and says
// which and why.
func New(o Options) (*Guard, error) {
	g := &Guard{
		ports:   slices.Clone(o.Ports),
		dialer:  net.Dialer{Timeout: o.Connect, Resolver: o.Resolver},
		sandbox: make(map[string]standIn, len(o.Allow)),
		public:  Public,
	}
	if g.ports == nil {
		g.ports = []uint16{443}
	}
	if g.dialer.Timeout == 0 {
		g.dialer.Timeout = 2 * time.Second
	}
	g.dialer.ControlContext = g.control
	if o.Onion != "" {
		if err := g.openOnion(o.Onion); err != nil {
			return nil, fmt.Errorf("safedial: onion proxy: %w", err)
		}
	}
	for _, h := range o.Allow {
		if err := g.admit(h); err != nil {
			return nil, fmt.Errorf("safedial: allow %q: %w", h.Host, err)
		}
	}
	g.client = g.newClient(o.Timeout)
	return g, nil
}

func (g *Guard) admit(h Host) error {
	host, port, err := net.SplitHostPort(h.Host)
	if err != nil {
		host, port = h.Host, "443"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.ContainsAny(host, ":/@") {
		return errors.New("want a host name, with a port unless it is 443")
	}
	if _, err := netip.ParseAddrPort(h.Dial); err != nil {
		return fmt.Errorf("dial target: want an IP address and port: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(h.CA) {
		return errors.New("CA: want the PEM of at least one certificate")
	}
	key := hostPort(host, port)
	if _, taken := g.sandbox[key]; taken {
		return errors.New("listed twice")
	}
	g.sandbox[key] = standIn{h.Dial, roots}
	return nil
}

func hostPort(host, port string) string {
	return net.JoinHostPort(strings.ToLower(host), port)
}

// DialContext connects to address ("host:port") if the guard allows it. It has
// the signature that http.Transport and others take. Only TCP is dialled.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("safedial: %w", err)
	}
	if s, ok := g.sandbox[hostPort(host, port)]; ok {
		d := net.Dialer{Timeout: g.dialer.Timeout}
		return d.DialContext(ctx, "tcp", s.target)
	}
	if isOnion(host) {
		return g.dialOnion(ctx, host, port)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || !slices.Contains(g.ports, uint16(n)) {
		return nil, fmt.Errorf("safedial: %w: %q", ErrPort, port)
	}
	// The socket layer turns an IPv4-mapped literal into plain IPv4, so that
	// form can be refused only here.
	if ip, err := netip.ParseAddr(host); err == nil && !g.public(ip) {
		return nil, fmt.Errorf("safedial: %w", ErrAddress)
	}
	switch network {
	case "tcp", "tcp4", "tcp6":
		return g.dialer.DialContext(ctx, network, address)
	default:
		return nil, fmt.Errorf("safedial: %w: network %q", ErrAddress, network)
	}
}

// control runs between socket and connect, with the address that the kernel is
// about to get: there is no later moment at which it could still change.
func (g *Guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("safedial: %w: %w", ErrAddress, err)
	}
	if !g.public(ap.Addr()) {
		return fmt.Errorf("safedial: %w", ErrAddress)
	}
	return nil
}

// tlsConfig trusts the system's roots, or a stand-in's own.
func tlsConfig(roots *x509.CertPool) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}
