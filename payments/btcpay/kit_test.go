package btcpay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/greenfield"
	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/btcpay"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
	"github.com/dmshop/dmshop/payments/sandbox"
)

func TestMain(m *testing.M) {
	if greenfield.Dir() == "" {
		fmt.Fprintln(os.Stderr, "btcpay: nothing is checked against BTCPay's OpenAPI files: GREENFIELD_OPENAPI is not set")
	}
	lntest.Main(m)
}

var files = sync.OnceValues(func() (*greenfield.Checker, error) { return greenfield.Load(greenfield.Dir()) })

// checked holds all that a double sees and says against BTCPay's own files.
func checked(t testing.TB) func(btcpaytest.Exchange) {
	t.Helper()
	if greenfield.Dir() == "" {
		return nil
	}
	checker, err := files()
	require.NoError(t, err)
	return func(e btcpaytest.Exchange) {
		err := checker.Check(context.Background(), greenfield.Exchange(e))
		if err != nil {
			t.Error(err)
		}
	}
}

const price = 1500 * payments.Sat

// store is a wallet, the double that it speaks to, and who is around it.
type store struct {
	*btcpay.Wallet
	server   *btcpaytest.Server
	node     *sandbox.Wallet // of the store
	customer *sandbox.Wallet
	clock    *clock
	config   btcpay.Config
}

// opened changes what newStore would make.
type opened struct {
	options btcpaytest.Options
	config  btcpay.Config
	clock   *clock
}

// newStore is a store that pays refunds at once, on a sandbox network.
func newStore(t testing.TB, change ...func(*opened)) *store {
	t.Helper()
	o := opened{
		options: btcpaytest.Options{Retries: []time.Duration{time.Millisecond, time.Millisecond}},
		config: btcpay.Config{
			StoreID: btcpaytest.StoreID, APIKey: btcpaytest.APIKey, Network: bolt11.Regtest,
			WebhookSecrets: []btcpay.WebhookSecret{"new", "old"}, RefundAtAnyFee: true,
		},
		clock: &clock{},
	}
	for _, c := range change {
		c(&o)
	}
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: o.clock.Now})
	s := &store{clock: o.clock}
	var err error
	s.node, err = n.Wallet(t.Context(), "store")
	require.NoError(t, err)
	s.customer, err = n.Wallet(t.Context(), "customer")
	require.NoError(t, err)
	o.options.Wallet, o.options.Now = s.node, o.clock.Now
	if o.options.Resolve == nil {
		o.options.Resolve = s.resolve
	}
	check, also := checked(t), o.options.Inspect
	if o.options.Legacy { // the files are those of 2.4
		check = nil
	}
	o.options.Inspect = func(e btcpaytest.Exchange) {
		if check != nil {
			check(e)
		}
		if also != nil {
			also(e)
		}
	}
	s.server = btcpaytest.New(o.options)
	s.server.Set(func(now *btcpaytest.Settings) { now.Processor, now.AtOnce = true, true })
	o.config.URL = s.server.URL()
	s.config = o.config
	s.Wallet = open(t, o.config)
	t.Cleanup(func() { s.Close(); s.server.Close() })
	return s
}

func legacy(o *opened) { o.options.Legacy = true }

func open(t testing.TB, c btcpay.Config) *btcpay.Wallet {
	t.Helper()
	w, err := btcpay.New(c)
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

var resolved atomic.Int64

// resolve is the customer's Lightning address: a new invoice each time.
func (s *store) resolve(ctx context.Context, destination string, amount payments.Msat) (string, error) {
	if destination != address {
		return "", errors.New("not online")
	}
	inv, err := s.customer.CreateInvoice(ctx, payments.Charge{Key: fmt.Sprint("address-", resolved.Add(1)), Amount: amount})
	return inv.Bolt11, err
}

const address = "customer@wallet.example"

func (s *store) pay(t testing.TB, invoice string) {
	t.Helper()
	read, err := bolt11.Decode(invoice)
	require.NoError(t, err)
	_, err = s.customer.Pay(t.Context(), payments.PayRequest{Bolt11: invoice, Amount: payments.Msat(read.AmountMsat)})
	require.NoError(t, err)
}

// invoice of the customer.
func (s *store) invoice(t testing.TB, amount payments.Msat) string {
	t.Helper()
	inv, err := s.customer.CreateInvoice(t.Context(), payments.Charge{Key: fmt.Sprint("invoice-", resolved.Add(1)), Amount: amount})
	require.NoError(t, err)
	return inv.Bolt11
}

func balance(t testing.TB, w *sandbox.Wallet) payments.Msat {
	t.Helper()
	b, err := w.Balance(t.Context())
	require.NoError(t, err)
	return b
}

func charge(key string) payments.Charge {
	return payments.Charge{Key: key, Amount: price, Memo: "one coffee", Expiry: 15 * time.Minute}
}

// create makes an invoice and wants it to be usable.
func (s *store) create(t testing.TB, key string) payments.Invoice {
	t.Helper()
	inv, err := s.CreateInvoice(t.Context(), charge(key))
	require.NoError(t, err)
	return inv
}

func (s *store) look(t testing.TB, id string) payments.Invoice {
	t.Helper()
	inv, err := s.LookupInvoice(t.Context(), id)
	require.NoError(t, err)
	return inv
}

// raw is a request that package btcpay does not make.
func (s *store) raw(t testing.TB, method, path, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.server.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "token "+btcpaytest.APIKey)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

// posts counts the requests that change something, by the end of their path.
func posts(counts *sync.Map) func(*opened) {
	return func(o *opened) {
		o.options.Inspect = func(e btcpaytest.Exchange) {
			if e.Method == http.MethodPost && e.Event == "" {
				n, _ := counts.LoadOrStore(e.URL[strings.LastIndex(e.URL, "/"):], new(atomic.Int32))
				n.(*atomic.Int32).Add(1)
			}
		}
	}
}

func posted(counts *sync.Map, path string) int {
	n, ok := counts.Load(path)
	if !ok {
		return 0
	}
	return int(n.(*atomic.Int32).Load())
}

const storePath = "/api/v1/stores/" + btcpaytest.StoreID

// requireOutcome wants an error of that kind and outcome.
func requireOutcome(t testing.TB, err, kind error, outcome payments.Outcome) *payments.Error {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *payments.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, outcome, e.Outcome, "%v", err)
	return e
}

// clock goes on by itself from when it began, and is advanced.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
	stand time.Time // where it stands still
}

func standing(at time.Time) *clock { return &clock{stand: at} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stand.IsZero() {
		return c.stand.Add(c.ahead)
	}
	return time.Now().Add(c.ahead)
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}
