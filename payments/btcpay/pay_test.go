package btcpay_test

import (
	"encoding/hex"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
)

const (
	payPath  = "/lightning/BTC/invoices/pay"
	generic  = `{"code":"generic-error","message":"something"}`
	noRoute  = `{"code":"could-not-find-route","message":"no way"}`
	nodeAway = `{"code":"lightning-node-unavailable","message":"NullReferenceException"}`
)

func (s *store) request(t testing.TB) payments.PayRequest {
	t.Helper()
	return payments.PayRequest{Bolt11: s.invoice(t, price), Amount: price}
}

func hashOf(t testing.TB, invoice string) payments.Hash {
	t.Helper()
	read, err := bolt11.Decode(invoice)
	require.NoError(t, err)
	return read.Hash
}

// Whatever comes back after the money went out, it is found to be paid; and
// asking again never pays again.
func TestPay_AnswerLost(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]btcpaytest.Fault{
		"cut":            {},
		"generic-error":  {Status: 400, Body: generic},
		"no route":       {Status: 400, Body: noRoute},
		"503 of a null":  {Status: 503, Body: nodeAway},
		"500":            {Status: 500, Body: `{"code":null,"message":"x"}`},
		"bad gateway":    {Status: 502, Body: "<html>"},
		"gateway's 404":  {Status: 404, Body: "<html>"},
		"empty":          {Status: 200},
		"of another":     {Status: 200, Body: fmt.Sprintf(`{"status":"Complete","paymentHash":%q}`, payments.Hash{1})},
		"says it failed": {Status: 200, Body: `{"status":"Failed"}`},
		"unknown":        {Status: 202, Body: `{"status":"Unknown"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			before := balance(t, s.node)
			r := s.request(t)
			fault.Method, fault.Path = "POST", payPath
			s.server.Fail(fault)
			p, err := s.Pay(t.Context(), r)
			if err != nil {
				require.False(t, payments.MayRepeat(err), "%v", err)
			} else {
				require.Contains(t, []payments.PayState{payments.PaySucceeded, payments.PayPending}, p.State)
			}
			for range 2 {
				p, err = s.Pay(t.Context(), r)
				require.NoError(t, err)
				require.Equal(t, payments.PaySucceeded, p.State)
			}
			require.Equal(t, before-price, balance(t, s.node))
		})
	}
}

// The question was lost, or the node gave no definite answer: nobody knows, and
// nothing reads as failed. The look-up does not know the payment either, which
// is no proof.
func TestPay_Unknown(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]btcpaytest.Fault{
		"cut":           {},
		"generic-error": {Status: 400, Body: generic},
		"503":           {Status: 503, Body: nodeAway},
		"502":           {Status: 502, Body: "<html>"},
		"408":           {Status: 408, Body: `{"code":"timeout","message":"x"}`},
	} {
		s := newStore(t)
		r := s.request(t)
		fault.Method, fault.Path, fault.Ask = "POST", payPath, true
		s.server.Fail(fault)
		_, err := s.Pay(t.Context(), r)
		require.Error(t, err, name)
		require.False(t, payments.MayRepeat(err), "%s: %v", name, err)
		_, err = s.LookupPayment(t.Context(), hashOf(t, r.Bolt11))
		requireOutcome(t, err, payments.ErrNotFound, payments.NotApplied)
	}
}

// Before it pays, the wallet asks whether it has. Without an answer it does not
// pay, and does not say that nothing happened.
func TestPay_LookUpFirst(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	r := s.request(t)
	before := balance(t, s.node)
	s.server.Fail(btcpaytest.Fault{Method: "GET", Path: "/payments/" + hashOf(t, r.Bolt11).String(), Status: 503, Body: nodeAway})
	_, err := s.Pay(t.Context(), r)
	requireOutcome(t, err, payments.ErrUnavailable, payments.OutcomeUnknown)
	require.Equal(t, before, balance(t, s.node))
}

// A definite no, confirmed by the look-up, may be repeated.
func TestPay_Failed(t *testing.T) {
	t.Parallel()
	failed := func(h payments.Hash) string { return fmt.Sprintf(`{"status":"Failed","paymentHash":%q}`, h) }
	for name, c := range map[string]struct {
		answer btcpaytest.Fault
		kind   error
	}{
		"generic-error": {btcpaytest.Fault{Status: 400, Body: generic}, payments.ErrRejected},
		"no route":      {btcpaytest.Fault{Status: 400, Body: noRoute}, payments.ErrNoRoute},
		"cut":           {btcpaytest.Fault{}, payments.ErrUnavailable},
	} {
		s := newStore(t)
		r := s.request(t)
		hash := hashOf(t, r.Bolt11)
		c.answer.Method, c.answer.Path, c.answer.Ask = "POST", payPath, true
		// The look-up before, and the one after.
		look := btcpaytest.Fault{Method: "GET", Path: "/payments/" + hash.String(), Ask: true}
		look.Status, look.Body = 404, `{"code":"payment-not-found","message":"no"}`
		s.server.Fail(look)
		look.Status, look.Body = 200, failed(hash)
		s.server.Fail(look)
		s.server.Fail(c.answer)
		_, err := s.Pay(t.Context(), r)
		requireOutcome(t, err, c.kind, payments.NotApplied)
		_, err = s.Pay(t.Context(), r)
		require.NoError(t, err, name)
	}
	s := newStore(t)
	r := s.request(t)
	s.server.Fail(btcpaytest.Fault{Method: "POST", Path: payPath, Ask: true, Status: 400, Body: noRoute})
	_, err := s.Pay(t.Context(), r)
	requireOutcome(t, err, payments.ErrNoRoute, payments.NotApplied)
}

// What is paid, or on its way, is not sent again, whatever the node would make
// of it; and an answer alone does not make a payment fail.
func TestPay_AsksBeforeItSends(t *testing.T) {
	t.Parallel()
	var counts sync.Map
	s := newStore(t, posts(&counts))
	r := s.request(t)
	for range 3 {
		p, err := s.Pay(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, payments.PaySucceeded, p.State)
	}
	require.Equal(t, 1, posted(&counts, "/pay"))

	r = s.request(t)
	failed := fmt.Sprintf(`{"status":"Failed","paymentHash":%q}`, hashOf(t, r.Bolt11))
	s.server.Fail(btcpaytest.Fault{Method: "POST", Path: payPath, Ask: true, Status: 200, Body: failed})
	_, err := s.Pay(t.Context(), r)
	requireOutcome(t, err, payments.ErrUnavailable, payments.OutcomeUnknown)
}

// 202: the payment goes on. So does BTCPay's.
func TestPay_Pending(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var preimage payments.Preimage
	preimage[0] = 7
	inv, err := s.customer.CreateHold(t.Context(), payments.HoldCharge{
		Charge: payments.Charge{Key: "hold", Amount: price}, Hash: preimage.Hash(),
	})
	require.NoError(t, err)
	r := payments.PayRequest{Bolt11: inv.Bolt11, Amount: price}
	for range 2 {
		p, err := s.Pay(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, payments.Payment{Hash: inv.Hash, State: payments.PayPending}, p)
	}
	require.NoError(t, s.customer.SettleHold(t.Context(), preimage))
	p, err := s.LookupPayment(t.Context(), inv.Hash)
	require.NoError(t, err)
	require.Equal(t, payments.PaySucceeded, p.State)
	require.True(t, p.Preimage == preimage)
}

func TestPay_Refused(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.server.Set(func(now *btcpaytest.Settings) { now.Missing = []string{"btcpay.store.canuselightningnode"} })
	_, err := s.Pay(t.Context(), s.request(t))
	require.ErrorIs(t, err, payments.ErrAuth)
	require.False(t, payments.MayRepeat(err), "whether it was paid before is not known")

	s.server.Set(func(now *btcpaytest.Settings) { now.Missing = nil })
	unreachable := s.config
	unreachable.URL = "http://127.0.0.1:1"
	_, err = open(t, unreachable).Pay(t.Context(), s.request(t))
	require.ErrorIs(t, err, payments.ErrUnavailable)
}

// A success proves itself, or it is none.
func TestReadPayment(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var preimage payments.Preimage
	preimage[3] = 9
	hash := preimage.Hash()
	proof := hex.EncodeToString(preimage[:])
	for body, want := range map[string]payments.PayState{
		fmt.Sprintf(`{"status":"Complete","paymentHash":%q,"preimage":%q,"feeAmount":"7"}`, hash, proof): payments.PaySucceeded,
		fmt.Sprintf(`{"status":"Complete","paymentHash":%q}`, hash):                                      payments.PayPending,
		fmt.Sprintf(`{"status":"Pending","paymentHash":%q,"preimage":%q}`, hash, proof):                  payments.PayPending,
		fmt.Sprintf(`{"status":"Unknown","paymentHash":%q}`, hash):                                       payments.PayPending,
		`{"status":"Unknown"}`: payments.PayPending,
		fmt.Sprintf(`{"status":"Failed","paymentHash":%q}`, hash):                                         payments.PayFailed,
		fmt.Sprintf(`{"status":"Complete","paymentHash":%q,"preimage":%q}`, hash, hash):                   "",
		fmt.Sprintf(`{"status":"Complete","paymentHash":%q,"preimage":"07"}`, hash):                       "",
		fmt.Sprintf(`{"status":"Complete","paymentHash":%q,"preimage":%q}`, payments.Hash{1}, proof):      "",
		fmt.Sprintf(`{"status":"Failed","paymentHash":%q}`, payments.Hash{1}):                             "",
		fmt.Sprintf(`{"status":"Settled","paymentHash":%q}`, hash):                                        "",
		fmt.Sprintf(`{"status":"Complete","paymentHash":%q,"preimage":%q,"feeAmount":"-1"}`, hash, proof): "",
		`{"status":"Failed"}`: "",
		`{}`:                  "",
		`[]`:                  "",
	} {
		s.server.Fail(btcpaytest.Fault{Method: "GET", Path: hash.String(), Ask: true, Status: 200, Body: body})
		p, err := s.LookupPayment(t.Context(), hash)
		require.Equal(t, want, p.State, body)
		require.Equal(t, want == "", err != nil, body)
		require.Equal(t, want == payments.PaySucceeded, p.Preimage == preimage, body)
	}
}
