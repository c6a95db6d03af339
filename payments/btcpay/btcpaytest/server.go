package btcpaytest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/dmshop/dmshop/payments"
)

// The one store, and the key to it.
const (
	StoreID = "8tPsJyZGGBFXDv9jNMt3gUdTnXaTPGNYoJYqt8ELcFcD"
	APIKey  = "5b6ba2c7d8c0e9f1a2b3c4d5e6f708192a3b4c5d"
)

// Wallet is the Lightning node of the store: a sandbox wallet, or an lnd.
type Wallet interface {
	payments.Provider
	payments.Payer
	payments.Watcher
}

// Options of a [Server]. Wallet is required.
type Options struct {
	Wallet Wallet
	// Resolve asks a Lightning address or LNURL for a new invoice. Nil: none
	// is ever online.
	Resolve func(ctx context.Context, destination string, amount payments.Msat) (bolt11 string, err error)
	// Legacy speaks as versions before 2.0 do.
	Legacy bool
	// Inspect sees each request with the double's own answer, and each
	// webhook. A request that a [Fault] lost has no Status.
	Inspect func(Exchange)
	// Retries is how long the server waits before it sends a webhook again;
	// nil means BTCPay's: 10 s, a minute, six times ten minutes.
	Retries []time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Exchange is a request and its answer. For a webhook, Event is its type and
// the answer is the shop's.
type Exchange struct {
	Event        string
	Method, URL  string
	Header       http.Header
	Body, Answer []byte
	Status       int
	AnswerHeader http.Header
}

// Settings are the state of the store. The zero value is one that works, whose
// refunds wait for a person.
type Settings struct {
	// NodeDown makes invoices without a Lightning part, and 503 of the
	// Lightning API.
	NodeDown bool
	// Lazy makes invoices whose Lightning part sleeps until it is activated.
	Lazy bool
	// Missing are permissions that the API key has not.
	Missing []string
	// Processor pays approved payouts; AtOnce without waiting for the next
	// [Server.Process].
	Processor, AtOnce bool
}

// Server is the double. It is safe for concurrent use.
type Server struct {
	options Options
	http    *httptest.Server
	client  *http.Client // of webhooks
	work    sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc

	mu       sync.Mutex
	settings Settings
	faults   []Fault
	invoices []*invoice
	pulls    []*pull
	payouts  []*Payout
	hooks    []*hook
}

// New starts a server; Close ends it.
func New(o Options) *Server {
	if o.Wallet == nil {
		panic("btcpaytest: New: Options.Wallet: required: a sandbox wallet, or an lnd")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Retries == nil {
		o.Retries = []time.Duration{10 * time.Second, time.Minute}
		for range 6 {
			o.Retries = append(o.Retries, 10*time.Minute)
		}
	}
	s := &Server{options: o, client: &http.Client{Transport: &http.Transport{}}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = httptest.NewServer(s.failing(s.inspected(s.routes())))
	s.work.Go(s.watch)
	return s
}

// Close ends the server, and what it was doing.
func (s *Server) Close() {
	s.cancel()
	s.http.CloseClientConnections()
	s.http.Close()
	s.work.Wait()
	s.client.CloseIdleConnections()
}

// URL is the server's.
func (s *Server) URL() string { return s.http.URL }

// Set changes the settings.
func (s *Server) Set(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern, permission string, f func(*http.Request, []byte) answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			a := s.authorize(r, permission)
			if a.status == 0 {
				a = f(r, body)
			}
			a.write(w)
		})
	}
	const store = " /api/v1/stores/{store}"
	handle("GET /api/v1/server/info", "", s.info)
	handle("POST"+store+"/invoices", "btcpay.store.cancreateinvoice", s.createInvoice)
	handle("GET"+store+"/invoices", "btcpay.store.canviewinvoices", s.listInvoices)
	handle("GET"+store+"/invoices/{id}", "btcpay.store.canviewinvoices", s.getInvoice)
	handle("GET"+store+"/invoices/{id}/payment-methods", "btcpay.store.canviewinvoices", s.getMethods)
	handle("POST"+store+"/invoices/{id}/payment-methods/{method}/activate", "btcpay.store.canviewinvoices", s.activate)
	handle("GET"+store+"/lightning/BTC/payments/{hash}", "btcpay.store.canuselightningnode", s.getPayment)
	handle("POST"+store+"/lightning/BTC/invoices/pay", "btcpay.store.canuselightningnode", s.pay)
	handle("GET"+store+"/payout-processors/LightningAutomatedPayoutSenderFactory", "btcpay.store.canviewstoresettings", s.processors)
	handle("GET"+store+"/pull-payments", "btcpay.store.canviewpullpayments", s.listPulls)
	handle("POST"+store+"/pull-payments", "btcpay.store.cancreatenonapprovedpullpayments", s.createPull)
	handle("DELETE"+store+"/pull-payments/{pull}", "btcpay.store.canarchivepullpayments", s.archivePull)
	handle("GET /api/v1/pull-payments/{pull}", anonymous, s.getPull)
	handle("GET /api/v1/pull-payments/{pull}/payouts", anonymous, s.listPayouts)
	handle("POST /api/v1/pull-payments/{pull}/payouts", anonymous, s.claim)
	handle("GET"+store+"/webhooks", "btcpay.store.webhooks.canmodifywebhooks", s.listHooks)
	handle("POST"+store+"/webhooks", "btcpay.store.webhooks.canmodifywebhooks", s.createHook)
	handle("PUT"+store+"/webhooks/{hook}", "btcpay.store.webhooks.canmodifywebhooks", s.updateHook)
	return mux
}

// anonymous is the permission that everybody has.
const anonymous = "-"

func (s *Server) authorize(r *http.Request, permission string) answer {
	if permission == anonymous {
		return answer{}
	}
	if r.Header.Get("Authorization") != "token "+APIKey {
		return refusal(http.StatusUnauthorized, "unauthenticated", "Authentication is required for accessing this endpoint")
	}
	store := r.PathValue("store")
	if store != "" && store != StoreID || s.misses(permission) {
		return forbidden(permission)
	}
	return answer{}
}

func (s *Server) misses(permission string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.settings.Missing, permission)
}

func forbidden(permission string) answer {
	return reply(http.StatusForbidden, map[string]any{
		"code": "missing-permission", "missingPermission": permission,
		"message": "Insufficient API Permissions. Please use an API key with permission: " + permission,
	})
}

func (s *Server) info(*http.Request, []byte) answer {
	version := "2.4.1"
	if s.options.Legacy {
		version = "1.13.7"
	}
	return reply(http.StatusOK, map[string]any{"version": version, "supportedPaymentMethods": []string{s.lightning()}, "fullySynched": true})
}

// lightning is the name of the method in answers.
func (s *Server) lightning() string {
	if s.options.Legacy {
		return "BTC-LightningNetwork"
	}
	return "BTC-LN"
}

// takesMethod tells whether a request may name the Lightning method so: the old
// name is taken by all versions.
func (s *Server) takesMethod(name string) bool {
	return name == "BTC-LightningNetwork" || name == s.lightning()
}

// answer is what is sent.
type answer struct {
	status int
	body   []byte
}

func (a answer) write(w http.ResponseWriter) {
	if len(a.body) > 0 {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // to a client that may be gone
}

func reply(status int, v any) answer {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // of plain values
	}
	return answer{status, text}
}

func refusal(status int, code, message string) answer {
	return reply(status, map[string]any{"code": code, "message": message})
}

func invalid(path, message string) answer {
	return reply(http.StatusUnprocessableEntity, []any{map[string]string{"path": path, "message": message}})
}

// inspected shows each exchange to Options.Inspect.
func (s *Server) inspected(next http.Handler) http.Handler {
	if s.options.Inspect == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen := &recorder{ResponseWriter: w}
		defer func() {
			s.options.Inspect(Exchange{
				Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: body,
				Answer: seen.body.Bytes(), Status: seen.status, AnswerHeader: w.Header(),
			})
		}()
		next.ServeHTTP(seen, r)
	})
}

type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

func newID() string {
	var id [11]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// kindIs tells an error's kind from the others.
func kindIs(err error, kinds ...error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}
