package btcpay_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/btcpay"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
)

func refund(key string) payments.Refund {
	return payments.Refund{Key: key, Destination: address, Amount: price}
}

func (s *store) prepare(t testing.TB, r payments.Refund) []byte {
	t.Helper()
	attempt, err := s.PrepareRefund(t.Context(), r)
	require.NoError(t, err)
	return attempt
}

// pullOf is the pull payment in an attempt.
func pullOf(t testing.TB, attempt []byte) string {
	t.Helper()
	var a struct {
		Pull string `json:"pull_payment"`
	}
	require.NoError(t, json.Unmarshal(attempt, &a))
	return a.Pull
}

func (s *store) requirePaid(t testing.TB, attempt []byte, before, amount payments.Msat) {
	t.Helper()
	require.Eventually(t, func() bool {
		p, err := s.RefundStatus(t.Context(), attempt)
		return err == nil && p.State == payments.PaySucceeded
	}, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, before+amount, balance(t, s.customer), "paid once")
}

// Trap 7: BTCPay refuses to pay an invoice out of a pull payment that does not
// live for thirty days. A refund to an ordinary one works all the same.
func TestTrap7_InvoicesOfAnHourCanBeRefundedTo(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	before := balance(t, s.customer)
	invoice := s.invoice(t, price)
	pull := pullOf(t, s.prepare(t, refund("by-address")))
	status, answer := s.raw(t, "POST", "/api/v1/pull-payments/"+pull+"/payouts",
		fmt.Sprintf(`{"destination":%q,"amount":"0.000015","payoutMethodId":"BTC-LN"}`, invoice))
	require.Equal(t, 422, status)
	require.Contains(t, answer, "30 days")

	r := refund("by-invoice")
	r.Destination = invoice
	attempt := s.prepare(t, r)
	for range 3 {
		p, err := s.ExecuteRefund(t.Context(), attempt)
		require.NoError(t, err)
		require.Equal(t, payments.PaySucceeded, p.State)
		require.Equal(t, hashOf(t, invoice), p.Preimage.Hash())
	}
	s.requirePaid(t, attempt, before, price)
	for _, bad := range []payments.Msat{price - 1, price + 1} {
		r.Amount = bad
		_, err := s.PrepareRefund(t.Context(), r)
		require.True(t, payments.MayRepeat(err))
	}
}

// Trap 8: BTCPay pays an address as often as it is claimed, as far as the pull
// payment goes. So that one has room for one payout only.
func TestTrap8_AnAddressIsPaidAsOftenAsItIsClaimed(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	before := balance(t, s.customer)
	status, answer := s.raw(t, "POST", storePath+"/pull-payments",
		`{"name":"roomy","amount":"0.00003","currency":"BTC","autoApproveClaims":true,"payoutMethods":["BTC-LN"]}`)
	require.Equal(t, 200, status)
	var roomy struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(answer), &roomy))
	claim := fmt.Sprintf(`{"destination":%q,"amount":"0.000015","payoutMethodId":"BTC-LN"}`, address)
	for range 2 {
		status, _ := s.raw(t, "POST", "/api/v1/pull-payments/"+roomy.ID+"/payouts", claim)
		require.Equal(t, 200, status)
	}
	require.Eventually(t, func() bool { return balance(t, s.customer) == before+2*price }, 10*time.Second, 5*time.Millisecond)

	before += 2 * price
	attempt := s.prepare(t, refund("order"))
	_, err := s.ExecuteRefund(t.Context(), attempt)
	require.NoError(t, err)
	status, answer = s.raw(t, "POST", "/api/v1/pull-payments/"+pullOf(t, attempt)+"/payouts", claim)
	require.Equal(t, 400, status)
	require.Contains(t, answer, "overdraft")
	s.requirePaid(t, attempt, before, price)
}

// After a lost answer to a claim there is one payout, and never a second.
func TestRefund_AnswerLost(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]btcpaytest.Fault{
		"answer lost":     {},
		"question lost":   {Ask: true},
		"502 after it":    {Status: 502, Body: "<html>"},
		"500 after it":    {Status: 500, Body: `{"code":null,"message":"x"}`},
		"overdraft":       {Status: 400, Body: `{"code":"overdraft","message":"x"}`}, // another call's claim was first
		"of another":      {Status: 200, Body: `{"id":"1","pullPaymentId":"2","state":"Completed"}`},
		"unknown state":   {Status: 200, Body: `{"id":"1","state":"Lost"}`},
		"503 before it":   {Ask: true, Status: 503, Body: `{"code":"x","message":"x"}`},
		"timeout, undone": {Ask: true, Status: 408, Body: `{"code":"x","message":"x"}`},
	} {
		for language, version := range versions {
			t.Run(name+" "+language, func(t *testing.T) {
				t.Parallel()
				s := newStore(t, version)
				before := balance(t, s.customer)
				attempt := s.prepare(t, refund("order"))
				fault.Method, fault.Path = "POST", "/payouts"
				s.server.Fail(fault)
				if _, err := s.ExecuteRefund(t.Context(), attempt); err != nil {
					require.False(t, payments.MayRepeat(err), "%v", err)
				}
				for range 3 {
					p, err := s.ExecuteRefund(t.Context(), attempt)
					require.NoError(t, err)
					require.NotEqual(t, payments.PayFailed, p.State)
				}
				s.requirePaid(t, attempt, before, price)
				require.Len(t, s.server.Payouts(), 1)
			})
		}
	}
}

// What was claimed is not claimed again, whatever BTCPay would make of it.
func TestRefund_AsksBeforeItClaims(t *testing.T) {
	t.Parallel()
	var counts sync.Map
	s := newStore(t, posts(&counts))
	attempt := s.prepare(t, refund("order"))
	for range 3 {
		_, err := s.ExecuteRefund(t.Context(), attempt)
		require.NoError(t, err)
	}
	require.Equal(t, 1, posted(&counts, "/payouts"))
}

// Nobody can tell what became of a claim while BTCPay cannot be asked.
func TestRefund_Unknown(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	attempt := s.prepare(t, refund("order"))
	away := btcpaytest.Fault{Method: "GET", Path: "/payouts", Ask: true, Status: 503, Body: `{"code":"x","message":"x"}`}
	s.server.Fail(away)
	_, err := s.ExecuteRefund(t.Context(), attempt)
	requireOutcome(t, err, payments.ErrUnavailable, payments.OutcomeUnknown)
	require.Empty(t, s.server.Payouts())
	_, err = s.RefundStatus(t.Context(), attempt)
	requireOutcome(t, err, payments.ErrNotFound, payments.NotApplied)
	s.server.Fail(away)
	_, err = s.RefundStatus(t.Context(), attempt)
	requireOutcome(t, err, payments.ErrUnavailable, payments.NotApplied)
}

// Asking for a pull payment twice makes two. One key has one all the same, also
// after a lost answer.
func TestPrepare_OnePullPaymentAKey(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]*btcpaytest.Fault{
		"nothing lost":  nil,
		"answer lost":   {},
		"question lost": {Ask: true},
		"502 after it":  {Status: 502, Body: "<html>"},
	} {
		s := newStore(t)
		if fault != nil {
			fault.Method, fault.Path = "POST", "/pull-payments"
			s.server.Fail(*fault)
		}
		r := refund(strings.Repeat("k", 64))
		first, err := s.PrepareRefund(t.Context(), r)
		if err != nil {
			require.True(t, payments.MayRepeat(err), "%s: %v", name, err)
			first = s.prepare(t, r)
		}
		require.Equal(t, first, s.prepare(t, r), name)
		second, err := open(t, s.config).PrepareRefund(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, first, second, name)
		require.Equal(t, 1, s.server.Pulls(), name)

		other := r
		other.Key = strings.Repeat("k", 63) + "l"
		require.NotEqual(t, pullOf(t, first), pullOf(t, s.prepare(t, other)))
	}
}

// The customer names another address: the first attempt can then not be paid
// any more, or it was, and there is no second.
func TestPrepare_AnotherDestination(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	before := balance(t, s.customer)
	wrong := refund("order")
	wrong.Destination = "nobody@wallet.example"
	first := s.prepare(t, wrong)
	_, err := s.ExecuteRefund(t.Context(), first)
	e := requireOutcome(t, err, payments.ErrInvalid, payments.NotApplied)
	require.NotContains(t, e.Error(), "nobody", "it is personal data")

	second := s.prepare(t, refund("order"))
	require.NotEqual(t, pullOf(t, first), pullOf(t, second))
	p, err := s.ExecuteRefund(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, payments.PayFailed, p.State)
	_, err = s.ExecuteRefund(t.Context(), second)
	require.NoError(t, err)
	s.requirePaid(t, second, before, price)

	_, err = s.PrepareRefund(t.Context(), wrong)
	requireOutcome(t, err, payments.ErrConflict, payments.NotApplied)
	again := refund("order")
	again.Amount *= 2
	_, err = s.PrepareRefund(t.Context(), again)
	requireOutcome(t, err, payments.ErrConflict, payments.NotApplied)
	require.Equal(t, second, s.prepare(t, refund("order")))
}

// Approved is not paid: a payout waits, for the processor or for a person.
func TestRefund_States(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	before := balance(t, s.customer)
	attempt := s.prepare(t, refund("order"))
	s.server.Set(func(now *btcpaytest.Settings) { now.AtOnce = false })
	for _, state := range []string{"AwaitingPayment", "AwaitingApproval", "InProgress"} {
		p, err := s.ExecuteRefund(t.Context(), attempt)
		require.NoError(t, err)
		require.Equal(t, payments.PayPending, p.State)
		s.server.SetPayouts(state)
		p, err = s.RefundStatus(t.Context(), attempt)
		require.NoError(t, err)
		require.Equal(t, payments.PayPending, p.State, state)
	}
	require.Equal(t, before, balance(t, s.customer))
	s.server.SetPayouts("AwaitingPayment")
	s.server.Process(t.Context())
	s.requirePaid(t, attempt, before, price)

	// A person paid otherwise, and says so.
	byHand := s.prepare(t, refund("by-hand"))
	_, err := s.ExecuteRefund(t.Context(), byHand)
	require.NoError(t, err)
	s.server.SetPayouts("Completed")
	p, err := s.RefundStatus(t.Context(), byHand)
	require.NoError(t, err)
	require.True(t, p == payments.Payment{State: payments.PaySucceeded}, "without a proof")
}

// A cancelled payout leaves room in its pull payment for another one. Failed is
// told only when that is closed, and then no claim can be paid.
func TestRefund_CancelledIsFailedForGood(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	before := balance(t, s.customer)
	attempt := s.prepare(t, refund("order"))
	s.server.Set(func(now *btcpaytest.Settings) { now.AtOnce = false })
	_, err := s.ExecuteRefund(t.Context(), attempt)
	require.NoError(t, err)
	s.server.SetPayouts("Cancelled")

	s.server.Set(func(now *btcpaytest.Settings) { now.Missing = []string{"btcpay.store.canarchivepullpayments"} })
	_, err = s.RefundStatus(t.Context(), attempt)
	require.ErrorIs(t, err, payments.ErrAuth, "it could still be claimed")
	s.server.Set(func(now *btcpaytest.Settings) { now.Missing, now.AtOnce = nil, true })

	for range 2 {
		p, err := s.RefundStatus(t.Context(), attempt)
		require.NoError(t, err)
		require.True(t, p == payments.Payment{State: payments.PayFailed})
		p, err = s.ExecuteRefund(t.Context(), attempt)
		require.NoError(t, err)
		require.Equal(t, payments.PayFailed, p.State)
	}
	status, answer := s.raw(t, "POST", "/api/v1/pull-payments/"+pullOf(t, attempt)+"/payouts",
		fmt.Sprintf(`{"destination":%q,"amount":"0.000015","payoutMethodId":"BTC-LN"}`, address))
	require.Equal(t, 400, status)
	require.Contains(t, answer, "archived")

	second := s.prepare(t, refund("order"))
	_, err = s.ExecuteRefund(t.Context(), second)
	require.NoError(t, err)
	s.requirePaid(t, second, before, price)
}

func TestPrepare_Refused(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for name, change := range map[string]func(*payments.Refund){
		"sub-satoshi": func(r *payments.Refund) { r.Amount = 1500 },
		"no domain":   func(r *payments.Refund) { r.Destination = "customer@wallet" },
		"a name":      func(r *payments.Refund) { r.Destination = "Customer <customer@wallet.example>" },
		"on-chain":    func(r *payments.Refund) { r.Destination = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080" },
		"mainnet": func(r *payments.Refund) {
			r.Destination = "lnbc20u1p3y0x3hpp5743k2g0fsqqxj7n8qzuhns5gmkk4djeejk3wkp64ppevgekvc0jsdqcve5kzar2v9nr5gpqd4hkuetesp5ez2g297jduwc20t6lmqlsg3man0vf2jfd8ar9fh8fhn2g8yttfkqxqy9gcqcqzys9qrsgqrzjqtx3k77yrrav9hye7zar2rtqlfkytl094dsp0ms5majzth6gt7ca6uhdkxl983uywgqqqqlgqqqvx5qqjqrzjqd98kxkpyw0l9tyy8r8q57k7zpy9zjmh6sez752wj6gcumqnj3yxzhdsmg6qq56utgqqqqqqqqqqqeqqjq7jd56882gtxhrjm03c93aacyfy306m4fq0tskf83c0nmet8zc2lxyyg3saz8x6vwcp26xnrlagf9semau3qm2glysp7sv95693fphvsp54l567"
		},
	} {
		r := refund("order")
		change(&r)
		_, err := s.PrepareRefund(t.Context(), r)
		require.Error(t, err, name)
		require.True(t, payments.MayRepeat(err), "%s: %v", name, err)
		require.NotContains(t, err.Error(), r.Destination, name)
	}
	for permission, kind := range map[string]error{
		"btcpay.store.cancreatepullpayments": payments.ErrAuth,
		"btcpay.store.canviewpullpayments":   payments.ErrAuth,
		"btcpay.store.canviewstoresettings":  payments.ErrAuth,
	} {
		s := newStore(t)
		s.server.Set(func(now *btcpaytest.Settings) { now.Missing = []string{permission} })
		_, err := s.PrepareRefund(t.Context(), refund("order"))
		requireOutcome(t, err, kind, payments.NotApplied)
		require.Zero(t, s.server.Pulls())
	}
	cautious := s.config
	cautious.RefundAtAnyFee = false
	_, err := open(t, cautious).PrepareRefund(t.Context(), refund("order"))
	e := requireOutcome(t, err, payments.ErrUnsupported, payments.NotApplied)
	require.ErrorContains(t, e, "RefundAtAnyFee")
	require.Zero(t, s.server.Pulls())
}

// The check of the payout processor, with what is to be done.
func TestCheckPayouts(t *testing.T) {
	t.Parallel()
	for language, version := range versions {
		s := newStore(t, version)
		require.NoError(t, s.CheckPayouts(t.Context()), language)
		s.server.Set(func(now *btcpaytest.Settings) { now.AtOnce = false })
		err := s.CheckPayouts(t.Context())
		requireOutcome(t, err, payments.ErrUnsupported, payments.NotApplied)
		require.ErrorContains(t, err, "instantly")
		s.server.Set(func(now *btcpaytest.Settings) { now.Processor = false })
		err = s.CheckPayouts(t.Context())
		requireOutcome(t, err, payments.ErrUnsupported, payments.NotApplied)
		require.ErrorContains(t, err, "Payout Processors")
		_, err = open(t, s.config).PrepareRefund(t.Context(), refund("order"))
		requireOutcome(t, err, payments.ErrUnsupported, payments.NotApplied)
	}
}

// A damaged attempt, and one of another store, pay nothing.
func FuzzAttempt(f *testing.F) {
	s := newStore(f)
	attempt := s.prepare(f, refund("order"))
	pull := pullOf(f, attempt)
	f.Add([]byte(strings.ReplaceAll(string(attempt), pull, "00")))
	f.Add([]byte(`{"pull_payment":"../x","destination":"a","amount_msat":1}`))
	f.Add([]byte(`{"bolt11":"lnbcrt1","hash":"00"}`))
	w, err := btcpay.New(s.config)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), pull) {
			t.Skip("the attempt itself")
		}
		_, err := w.ExecuteRefund(t.Context(), text)
		require.Error(t, err)
		require.Empty(t, s.server.Payouts())
	})
}
