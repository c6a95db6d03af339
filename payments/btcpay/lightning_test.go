package btcpay_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/btcpay"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
	"github.com/dmshop/dmshop/payments/lnd"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

// On a real Lightning network the double's node is an lnd: invoices are its
// own, and money moves over channels. BTCPay itself is still the double.

// node is an lnd with all rights that the double needs.
func node(t testing.TB, n *lntest.Node) *lnd.Wallet {
	t.Helper()
	c := lnd.Config{
		URL: n.REST(), Cert: n.Cert(t), Network: bolt11.Regtest, PayTimeout: 20 * time.Second,
		Macaroon: n.Macaroon(t, "/lnrpc.Lightning/GetInfo", "/lnrpc.Lightning/AddInvoice", "/lnrpc.Lightning/LookupInvoice",
			"/lnrpc.Lightning/SubscribeInvoices", "/routerrpc.Router/SendPaymentV2", "/routerrpc.Router/TrackPaymentV2"),
	}
	_, _ = rand.Read(c.PreimageKey[:]) // never fails
	w, err := lnd.New(c)
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

// onLightning is a store whose node is the shop's lnd, and a customer with an
// address.
func onLightning(t testing.TB, n *lntest.Network) (*btcpay.Wallet, *btcpaytest.Server, *payee) {
	t.Helper()
	customer := &payee{node: n.Customer}
	s := btcpaytest.New(btcpaytest.Options{
		Wallet: node(t, n.Shop), Inspect: checked(t), Retries: []time.Duration{time.Millisecond},
		Resolve: func(_ context.Context, destination string, amount payments.Msat) (string, error) {
			if destination != address {
				return "", errors.New("not online")
			}
			return customer.invoice(t, amount), nil
		},
	})
	s.Set(func(now *btcpaytest.Settings) { now.Processor, now.AtOnce = true, true })
	w := open(t, btcpay.Config{
		URL: s.URL(), StoreID: btcpaytest.StoreID, APIKey: btcpaytest.APIKey, Network: bolt11.Regtest,
		WebhookSecrets: []btcpay.WebhookSecret{"new", "old"}, RefundAtAnyFee: true,
	})
	t.Cleanup(func() { w.Close(); s.Close() })
	return w, s, customer
}

// payee is what a node was paid for some invoices of its own, as it says
// itself: the only judge of who was paid, and how often.
type payee struct {
	node   *lntest.Node
	mu     sync.Mutex
	hashes [][32]byte
}

func (p *payee) invoice(t testing.TB, amount payments.Msat) string {
	t.Helper()
	text := p.node.Invoice(t, int64(amount), time.Hour)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hashes = append(p.hashes, hashOf(t, text))
	return text
}

func (p *payee) received(t testing.TB) (sum payments.Msat) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.hashes {
		if got := p.node.LookUp(t, h); got.State == "SETTLED" {
			sum += payments.Msat(got.Msat)
		}
	}
	return sum
}

func TestProvider_Lightning(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	paymentstest.TestProvider(t, func(t *testing.T) paymentstest.Shop {
		w, _, _ := onLightning(t, n)
		return paymentstest.Shop{
			Provider: w, Network: bolt11.Regtest, Pay: func(t *testing.T, invoice string) { n.Customer.Pay(t, invoice) },
			Webhook: signed,
		}
	})
}

func TestPayer_Lightning(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	paymentstest.TestPayer(t, func(t *testing.T) paymentstest.Purse {
		w, _, customer := onLightning(t, n)
		const plenty = payments.BTC
		return paymentstest.Purse{
			Payer: w, Network: bolt11.Regtest,
			Invoice:     func(t *testing.T, amount payments.Msat) string { return customer.invoice(t, amount) },
			Balance:     func(t *testing.T) payments.Msat { return plenty - customer.received(t) },
			Destination: func(*testing.T) string { return address },
			Received:    func(t *testing.T) payments.Msat { return customer.received(t) },
		}
	})
}

// The customer pays by a real route, BTCPay's double hears of it from the node,
// calls the shop, and the shop is told once.
func TestTill_Lightning(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w, server, _ := onLightning(t, n)
	sh := newShop(t, &store{Wallet: w, server: server}, payments.NewMemoryKV())
	sh.run(t)
	inv, err := sh.Charge(t.Context(), charge("order"))
	require.NoError(t, err)
	n.Far.Pay(t, inv.Bolt11)
	c := sh.next(t)
	require.Equal(t, payments.Paid, c.Event)
	require.Equal(t, price, c.Invoice.Received)
	require.EqualValues(t, price, n.Shop.LookUp(t, inv.Hash).Msat)
}

// A refund over two hops has a fee: the limit is kept for an invoice, and zero
// means none. An answer that is lost does not pay again.
func TestRefund_Lightning(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w, server, customer := onLightning(t, n)
	far := n.Far.Invoice(t, int64(price), time.Hour)
	r := payments.Refund{Key: "to-far", Destination: far, Amount: price}
	attempt, err := w.PrepareRefund(t.Context(), r)
	require.NoError(t, err)
	_, err = w.ExecuteRefund(t.Context(), attempt)
	requireOutcome(t, err, payments.ErrNoRoute, payments.NotApplied)
	r.MaxFee = 10 * payments.Sat
	attempt, err = w.PrepareRefund(t.Context(), r)
	require.NoError(t, err)
	server.Fail(btcpaytest.Fault{Method: "POST", Path: payPath})
	_, _ = w.ExecuteRefund(t.Context(), attempt) // paid or unknown
	p, err := w.ExecuteRefund(t.Context(), attempt)
	require.NoError(t, err)
	require.Equal(t, payments.PaySucceeded, p.State)
	require.Positive(t, p.Fee)
	require.LessOrEqual(t, p.Fee, r.MaxFee)
	require.Equal(t, lntest.Received{State: "SETTLED", Msat: int64(price), Parts: 1}, n.Far.LookUp(t, hashOf(t, far)))

	attempt, err = w.PrepareRefund(t.Context(), refund("to-address"))
	require.NoError(t, err)
	server.Fail(btcpaytest.Fault{Method: "POST", Path: "/payouts"})
	for range 3 {
		_, _ = w.ExecuteRefund(t.Context(), attempt) // paid, pending or unknown
	}
	require.Eventually(t, func() bool {
		p, err := w.RefundStatus(t.Context(), attempt)
		return err == nil && p.State == payments.PaySucceeded
	}, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, price, customer.received(t), "one of the invoices that the address gave")
}
