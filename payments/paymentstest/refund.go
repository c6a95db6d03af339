package paymentstest

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

func (p Purse) refunder(t *testing.T) payments.Refunder {
	t.Helper()
	r := capability[payments.Refunder](t, p.Payer, payments.CanRefund)
	if p.Destination == nil || p.Received == nil {
		t.Fatal("Purse.Destination and Received: required for a wallet that makes refunds")
	}
	return r
}

func (p Purse) refund(t *testing.T) payments.Refund {
	t.Helper()
	return payments.Refund{Key: "refund-1", Destination: p.Destination(t), Amount: price, MaxFee: p.MaxFee}
}

// awaitRefund looks until the attempt has come to an end.
func awaitRefund(t *testing.T, r payments.Refunder, attempt []byte) payments.Payment {
	t.Helper()
	var got payments.Payment
	require.Eventually(t, func() bool {
		var err error
		got, err = r.RefundStatus(t.Context(), attempt)
		return err == nil && got.State == payments.PaySucceeded
	}, patience, interval, "the refund is %q", got.State)
	return got
}

func testRefund(t *testing.T, p Purse) {
	r := p.refunder(t)
	before, received := p.balance(t), p.Received(t)
	attempt, err := r.PrepareRefund(t.Context(), p.refund(t))
	require.NoError(t, err)
	require.NotEmpty(t, attempt)
	require.LessOrEqual(t, len(attempt), 8<<10)
	status, err := r.RefundStatus(t.Context(), attempt)
	if err != nil {
		requireError(t, err, payments.ErrNotFound)
	} else {
		require.Contains(t, []payments.PayState{payments.PayUnknown, payments.PayPending}, status.State)
	}
	require.Equal(t, before, p.balance(t), "no money moves")
	require.Equal(t, received, p.Received(t))

	for range 3 { // executed again and again: after a crash, by an operator
		payment, err := r.ExecuteRefund(t.Context(), bytes.Clone(attempt))
		require.NoError(t, err)
		require.Contains(t, []payments.PayState{payments.PaySucceeded, payments.PayPending}, payment.State)
	}
	final := awaitRefund(t, r, attempt)
	require.LessOrEqual(t, final.Fee, p.MaxFee)
	if p.Balance != nil {
		require.Eventually(t, func() bool { return p.balance(t) == before-price-final.Fee }, patience, interval, "paid once")
	}
	require.Eventually(t, func() bool { return p.Received(t) == received+price }, patience, interval, "all of it, once")
}

func testRefundAtOnce(t *testing.T, p Purse) {
	r := p.refunder(t)
	received := p.Received(t)
	attempt, err := r.PrepareRefund(t.Context(), p.refund(t))
	require.NoError(t, err)
	var errs [6]error
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = r.ExecuteRefund(t.Context(), attempt) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	awaitRefund(t, r, attempt)
	require.Eventually(t, func() bool { return p.Received(t) == received+price }, patience, interval)
}

func testRefundNotValid(t *testing.T, p Purse) {
	r := p.refunder(t)
	before := p.balance(t)
	for name, change := range map[string]func(*payments.Refund){
		"no key":          func(r *payments.Refund) { r.Key = "" },
		"odd key":         func(r *payments.Refund) { r.Key = "a b" },
		"no amount":       func(r *payments.Refund) { r.Amount = 0 },
		"negative amount": func(r *payments.Refund) { r.Amount = -price },
		"negative fee":    func(r *payments.Refund) { r.MaxFee = -1 },
		"no destination":  func(r *payments.Refund) { r.Destination = "" },
	} {
		refund := p.refund(t)
		change(&refund)
		_, err := r.PrepareRefund(t.Context(), refund)
		e := requireError(t, err, payments.ErrInvalid)
		require.Equal(t, payments.NotApplied, e.Outcome, name)
	}
	refund := p.refund(t)
	refund.Destination = "nowhere at all"
	_, err := r.PrepareRefund(t.Context(), refund)
	require.Error(t, err)
	require.True(t, payments.MayRepeat(err), "%v", err)
	require.NotContains(t, err.Error(), refund.Destination, "it is personal data")

	for _, attempt := range []string{"", "{}", "null", "nonsense", strings.Repeat("x", 10_000)} {
		_, err := r.ExecuteRefund(t.Context(), []byte(attempt))
		e := requireError(t, err, payments.ErrInvalid)
		require.Equal(t, payments.NotApplied, e.Outcome)
		_, err = r.RefundStatus(t.Context(), []byte(attempt))
		requireError(t, err, payments.ErrInvalid)
	}
	require.Equal(t, before, p.balance(t))
}
