package safedial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/proxy"
)

func isOnion(host string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), ".onion")
}

func (g *Guard) openOnion(address string) error {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return fmt.Errorf("want an IP address and port: %w", err)
	}
	d, err := proxy.SOCKS5("tcp", address, nil, &net.Dialer{Timeout: g.dialer.Timeout})
	if err != nil {
		return err
	}
	dialer, ok := d.(proxy.ContextDialer)
	if !ok {
		return errors.New("cannot be dialled with a context")
	}
	g.onion = dialer
	return nil
}

// dialOnion hands the name to the proxy: it is resolved nowhere else.
func (g *Guard) dialOnion(ctx context.Context, host, port string) (net.Conn, error) {
	switch {
	case g.onion == nil:
		return nil, fmt.Errorf("safedial: %w", ErrOnion)
	case port != "80" && port != "443":
		return nil, fmt.Errorf("safedial: %w: %q", ErrPort, port)
	}
	// Tor is slow: the whole exchange has its limit, finding the host has none
	// of its own.
	return g.onion.DialContext(ctx, "tcp", net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port))
}
