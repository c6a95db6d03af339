package btcpay_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
)

// randomFault is on one of the requests that a charge, a payment or a refund
// makes, before or after it took effect.
func randomFault(r *rand.Rand) btcpaytest.Fault {
	where := []string{
		"POST /invoices", "GET /invoices", "GET /payment-methods", "POST /pay",
		"POST /pull-payments", "GET /pull-payments", "POST /payouts", "GET /payouts",
	}
	how := []btcpaytest.Fault{
		{}, {Status: 500, Body: `{"code":null,"message":"x"}`}, {Status: 502, Body: "<html>"}, {Status: 400, Body: generic},
		{Status: 503, Body: nodeAway}, {Status: 200, Body: "{"}, {Status: 408, Body: `{"code":"x","message":"x"}`},
	}
	f := how[r.IntN(len(how))]
	f.Method, f.Path, _ = strings.Cut(where[r.IntN(len(where))], " ")
	f.Ask = r.IntN(2) == 0
	return f
}

// Whatever is lost, and however often a shop asks again: an order is shown one
// invoice, and a customer is paid back once. New processes take over at random.
func TestRandomFaults(t *testing.T) {
	t.Parallel()
	for language, version := range versions {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			s := newStore(t, version)
			before := balance(t, s.customer)
			const orders = 40
			for i := range orders {
				s.oneOrder(t, r, fmt.Sprint("order-", i), i%2 == 0)
			}
			require.Eventually(t, func() bool { return balance(t, s.customer) == before+orders*price }, 10*time.Second, 5*time.Millisecond)
			require.Equal(t, before+orders*price, balance(t, s.customer), "each once")
			require.Len(t, s.server.Payouts(), orders/2)
		})
	}
}

func (s *store) oneOrder(t *testing.T, r *rand.Rand, key string, toAddress bool) {
	t.Helper()
	// again asks until it is answered, as whoever asks next.
	again := func(ask func(w payments.Provider) error) {
		for n := 0; ; n++ {
			for range r.IntN(3) {
				s.server.Fail(randomFault(r))
			}
			w := s.Wallet
			if r.IntN(3) == 0 {
				w = open(t, s.config)
			}
			if ask(w) == nil && r.IntN(2) == 0 {
				return
			}
			require.Less(t, n, 200)
		}
	}
	shown := map[string]bool{}
	again(func(w payments.Provider) error {
		inv, err := w.CreateInvoice(t.Context(), charge(key))
		if err == nil {
			shown[inv.Bolt11] = true
		}
		return err
	})
	require.Len(t, shown, 1, key)

	refund := refund(key)
	if !toAddress {
		refund.Destination = s.invoice(t, price)
	}
	var attempt []byte
	again(func(w payments.Provider) (err error) {
		if made, err := w.(payments.Refunder).PrepareRefund(t.Context(), refund); err == nil {
			attempt = made
			return nil
		} else if !payments.MayRepeat(err) {
			t.Errorf("preparing moves no money: %v", err)
		}
		return payments.ErrUnavailable
	})
	again(func(w payments.Provider) error {
		p, err := w.(payments.Refunder).ExecuteRefund(t.Context(), attempt)
		if err == nil && p.State == payments.PayFailed {
			t.Errorf("%s: reads as failed", key)
		}
		return err
	})
}
