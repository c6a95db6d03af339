package paymentstest

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// Purse is a wallet under test, from the side that pays.
type Purse struct {
	// Payer has money for some ten payments of 1500 sat.
	Payer payments.Payer
	// Network is the one that it pays on.
	Network bolt11.Network
	// Invoice asks somebody else for a new invoice of that amount.
	Invoice func(t *testing.T, amount payments.Msat) string
	// Balance is what the wallet has left. Nil where that is not known: that
	// money left once, and only when it should, is then not tested.
	Balance func(t *testing.T) payments.Msat
	// MaxFee is given with each payment.
	MaxFee payments.Msat
	// Destination is somebody else that a refund can be sent to, Received
	// what they got so far. Nil where the wallet makes no refunds.
	Destination func(t *testing.T) string
	Received    func(t *testing.T) payments.Msat
}

const price = 1500 * payments.Sat

// TestPayer runs the contract of [payments.Payer], and that of
// [payments.Refunder] where the wallet has it. open is called once per subtest,
// and clears up with t.Cleanup. Subtests run in parallel.
func TestPayer(t *testing.T, open func(t *testing.T) Purse) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Purse){
		"pay":               testPay,
		"pay again":         testPayAgain,
		"pay at once":       testPayAtOnce,
		"another amount":    testOtherAmount,
		"not an invoice":    testNotAnInvoice,
		"other networks":    testOtherNetworks,
		"payment not found": testPaymentNotFound,
		"refund":            testRefund,
		"refund at once":    testRefundAtOnce,
		"refund not valid":  testRefundNotValid,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func (p Purse) pay(t *testing.T, invoice string) (payments.Payment, error) {
	t.Helper()
	return p.Payer.Pay(t.Context(), payments.PayRequest{Bolt11: invoice, Amount: price, MaxFee: p.MaxFee})
}

func (p Purse) balance(t *testing.T) payments.Msat {
	t.Helper()
	if p.Balance == nil {
		return 0
	}
	return p.Balance(t)
}

// requireSpent wants one payment of price to have left since before.
func (p Purse) requireSpent(t *testing.T, before payments.Msat, payment payments.Payment) {
	t.Helper()
	require.LessOrEqual(t, payment.Fee, p.MaxFee)
	if p.Balance != nil {
		require.Equal(t, before-price-payment.Fee, p.balance(t))
	}
}

func testPay(t *testing.T, p Purse) {
	before, invoice := p.balance(t), p.Invoice(t, price)
	read, err := bolt11.Decode(invoice, p.Network)
	require.NoError(t, err)
	payment, err := p.pay(t, invoice)
	require.NoError(t, err)
	requireSucceeded(t, payment, read.Hash)
	looked, err := p.Payer.LookupPayment(t.Context(), read.Hash)
	require.NoError(t, err)
	require.True(t, payment == looked, "the look-up tells the same payment")
	p.requireSpent(t, before, payment)
}

func requireSucceeded(t *testing.T, payment payments.Payment, hash payments.Hash) {
	t.Helper()
	require.Equal(t, payments.PaySucceeded, payment.State)
	require.Equal(t, hash, payment.Hash)
	require.Equal(t, hash, payment.Preimage.Hash(), "the preimage proves the payment")
}

func testPayAgain(t *testing.T, p Purse) {
	before, invoice := p.balance(t), p.Invoice(t, price)
	first, err := p.pay(t, invoice)
	require.NoError(t, err)
	second, err := p.pay(t, invoice)
	require.NoError(t, err, "paying what was paid returns that payment")
	require.True(t, first == second)
	p.requireSpent(t, before, first)
}

func testPayAtOnce(t *testing.T, p Purse) {
	before, invoice := p.balance(t), p.Invoice(t, price)
	const callers = 6
	var paid [callers]payments.Payment
	var errs [callers]error
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { paid[i], errs[i] = p.pay(t, invoice) })
	}
	wg.Wait()
	for i := range callers {
		require.NoError(t, errs[i])
		require.Contains(t, []payments.PayState{payments.PaySucceeded, payments.PayPending}, paid[i].State)
	}
	var final payments.Payment
	require.Eventually(t, func() bool {
		looked, err := p.Payer.LookupPayment(t.Context(), paid[0].Hash)
		final = looked
		return err == nil && looked.State == payments.PaySucceeded
	}, patience, interval)
	p.requireSpent(t, before, final)
}

func testOtherAmount(t *testing.T, p Purse) {
	before, invoice := p.balance(t), p.Invoice(t, price)
	for _, amount := range []payments.Msat{0, -price, price - 1, price + 1, price * 1000} {
		_, err := p.Payer.Pay(t.Context(), payments.PayRequest{Bolt11: invoice, Amount: amount, MaxFee: p.MaxFee})
		e := requireError(t, err, payments.ErrInvalid)
		require.Equal(t, payments.NotApplied, e.Outcome)
	}
	require.Equal(t, before, p.balance(t))
	_, err := p.pay(t, invoice)
	require.NoError(t, err, "a refused payment does not spoil the invoice")
}

func testNotAnInvoice(t *testing.T, p Purse) {
	good := p.Invoice(t, price)
	for _, text := range []string{"", "lnbc1", "alice@wallet.example", good[:len(good)-1], good + "q", " " + good, strings.Repeat("l", 10_000)} {
		_, err := p.pay(t, text)
		e := requireError(t, err, payments.ErrInvalid)
		require.Equal(t, payments.NotApplied, e.Outcome)
	}
}

func testOtherNetworks(t *testing.T, p Purse) {
	before := p.balance(t)
	now := time.Now().UTC().Truncate(time.Second)
	for _, network := range []bolt11.Network{bolt11.Mainnet, bolt11.Testnet, bolt11.Signet, bolt11.Regtest} {
		if network == p.Network {
			continue
		}
		text, err := bolt11.Sign(bolt11.Invoice{
			Network: network, AmountMsat: int64(price), Hash: [32]byte{1}, Secret: [32]byte{2},
			CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		}, bolt11.Key{31: 1})
		require.NoError(t, err)
		_, err = p.pay(t, text)
		e := requireError(t, err, payments.ErrNetwork)
		require.Equal(t, payments.NotApplied, e.Outcome)
	}
	require.Equal(t, before, p.balance(t))
}

func testPaymentNotFound(t *testing.T, p Purse) {
	read, err := bolt11.Decode(p.Invoice(t, price), p.Network)
	require.NoError(t, err)
	for _, h := range []payments.Hash{{}, {1}, read.Hash} {
		payment, err := p.Payer.LookupPayment(t.Context(), h)
		requireError(t, err, payments.ErrNotFound)
		require.True(t, payment == payments.Payment{}, "no preimage without a payment")
	}
}
