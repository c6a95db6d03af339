package lnd_test

import (
	"crypto/rand"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/lnd"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(jobVariable); job != "" {
		runShop(job) // the process that is killed
	}
	lntest.Main(m)
}

// The rights that the package comment names.
var (
	receiving = []string{
		"/lnrpc.Lightning/GetInfo", "/lnrpc.Lightning/AddInvoice",
		"/lnrpc.Lightning/LookupInvoice", "/lnrpc.Lightning/SubscribeInvoices",
	}
	paying  = []string{"/routerrpc.Router/SendPaymentV2", "/routerrpc.Router/TrackPaymentV2"}
	holding = []string{"/invoicesrpc.Invoices/AddHoldInvoice", "/invoicesrpc.Invoices/SettleInvoice", "/invoicesrpc.Invoices/CancelInvoice"}
)

func join(rights ...[]string) (all []string) {
	for _, r := range rights {
		all = append(all, r...)
	}
	return all
}

// config is for a node, with a preimage key of its own and no more rights than
// these.
func config(t testing.TB, n *lntest.Node, rights ...[]string) lnd.Config {
	t.Helper()
	c := lnd.Config{
		URL: n.REST(), Cert: n.Cert(t), Macaroon: n.Macaroon(t, join(rights...)...),
		Network: bolt11.Regtest, PayTimeout: 20 * time.Second,
	}
	_, _ = rand.Read(c.PreimageKey[:]) // never fails
	return c
}

func open(t testing.TB, c lnd.Config) *lnd.Wallet {
	t.Helper()
	w, err := lnd.New(c)
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

func wallet(t testing.TB, n *lntest.Node, rights ...[]string) *lnd.Wallet {
	t.Helper()
	return open(t, config(t, n, rights...))
}

const price = 1500 * payments.Sat

func charge(key string) payments.Charge {
	return payments.Charge{Key: key, Amount: price, Memo: "one coffee", Expiry: time.Hour}
}

func request(t testing.TB, invoice string) payments.PayRequest {
	t.Helper()
	read, err := bolt11.Decode(invoice)
	require.NoError(t, err)
	return payments.PayRequest{Bolt11: invoice, Amount: payments.Msat(read.AmountMsat), MaxFee: 10 * payments.Sat}
}

func hashOf(t testing.TB, invoice string) [32]byte {
	t.Helper()
	read, err := bolt11.Decode(invoice)
	require.NoError(t, err)
	return read.Hash
}

// received is what a node was paid for some invoices of its own, as it says
// itself: the only judge of who was paid, and how often.
type received struct {
	node   *lntest.Node
	mu     sync.Mutex
	hashes [][32]byte
}

func (r *received) invoice(t testing.TB, amount payments.Msat) string {
	t.Helper()
	text := r.node.Invoice(t, int64(amount), time.Hour)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hashes = append(r.hashes, hashOf(t, text))
	return text
}

func (r *received) sum(t testing.TB) (sum payments.Msat) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.hashes {
		if got := r.node.LookUp(t, h); got.State == "SETTLED" {
			sum += payments.Msat(got.Msat)
		}
	}
	return sum
}

// requireOutcome wants an error of that kind and outcome.
func requireOutcome(t testing.TB, err, kind error, outcome payments.Outcome) *payments.Error {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *payments.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, outcome, e.Outcome, "%v", err)
	return e
}
