// Package lnaddrtest plays the wallet service of a customer, on this machine:
// Lightning addresses that can be paid, for demos and tests.
//
//	srv, err := lnaddrtest.Serve(lnaddrtest.Service{Host: "wallet.example", Invoice: wallet.Invoice})
//	defer srv.Close()
//	client, err := lnaddr.NewClient(lnaddr.Config{Network: bolt11.Regtest, Allow: []lnaddr.Host{srv.Host()}})
//	inv, err := client.Invoice(ctx, srv.Address("alice"), 21_000, "")
//
// The server is a real one: it listens on loopback and speaks TLS under the
// made-up domain, with a certificate authority made when it starts. A client
// reaches it only through the entry that [Server.Host] gives; every other rule
// of package lnaddr stays in force. [Handler] is the service without the
// server.
package lnaddrtest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/fiatjaf/go-lnurl"

	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/internal/safedial/devca"
	"github.com/dmshop/dmshop/lnaddr"
)

// Server is a running [Service]. It is safe for concurrent use.
type Server struct {
	host lnaddr.Host
	http *http.Server
	done chan struct{}
}

// Serve starts the service on a free port of loopback. Close it.
func Serve(s Service) (*Server, error) {
	if s.Invoice == nil {
		return nil, errors.New("lnaddrtest: Service.Invoice: required")
	}
	return ServeHandler(s.Host, Handler(s))
}

// ServeHandler starts a service of the caller's own making under the host, for
// tests of what services get wrong.
func ServeHandler(host string, h http.Handler) (*Server, error) {
	if name, err := safedial.Hostname(host); err != nil || name != host {
		return nil, errors.New("lnaddrtest: Service.Host: want a domain in lower case, such as wallet.example")
	}
	ca, err := devca.New()
	if err != nil {
		return nil, fmt.Errorf("lnaddrtest: %w", err)
	}
	cert, err := ca.Issue(host)
	if err != nil {
		return nil, fmt.Errorf("lnaddrtest: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lnaddrtest: %w", err)
	}
	s := &Server{
		host: lnaddr.Host{Host: host, Dial: l.Addr().String(), CA: ca.PEM()},
		http: &http.Server{
			Handler:           h,
			TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
			ReadHeaderTimeout: 5 * time.Second,
			// Clients that do not trust the authority are not news.
			ErrorLog: log.New(io.Discard, "", 0),
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		_ = s.http.ServeTLS(l, "", "") // ends with Close
	}()
	return s, nil
}

// Host is the entry for lnaddr.Config.Allow.
func (s *Server) Host() lnaddr.Host { return s.host }

// Address is name's Lightning address. It panics when the name cannot be part
// of one.
func (s *Server) Address(name string) lnaddr.Address {
	a, err := lnaddr.Parse(name + "@" + s.host.Host)
	if err != nil {
		panic(fmt.Sprintf("lnaddrtest: name %q: %v", name, err))
	}
	return a
}

// LNURL is the same destination as [Server.Address], in the bech32 form of
// LUD-01. It panics when the name cannot be part of an address.
func (s *Server) LNURL(name string) string {
	a := s.Address(name)
	code, err := lnurl.LNURLEncode("https://" + a.Host() + "/.well-known/lnurlp/" + name)
	if err != nil { // bytes always encode
		panic("lnaddrtest: LNURL: " + err.Error())
	}
	return code
}

// Close stops listening and drops all connections at once.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}
