package paymentstest

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// Shop is a wallet under test, from the side that is paid.
type Shop struct {
	Provider payments.Provider
	// Network is the one that its invoices are for.
	Network bolt11.Network
	// Pay pays an invoice, as a customer with plenty of money, and fails the
	// test when that cannot be done.
	Pay func(t *testing.T, invoice string)
	// Advance lets time pass. Nil where the clock is a real one: expiry is
	// then not tested.
	Advance func(time.Duration)
	// Customer is the wallet of somebody else, with plenty of money. Nil
	// where there is none: hold invoices are then not tested. MaxFee is what
	// a payment of theirs may cost.
	Customer payments.Payer
	MaxFee   payments.Msat
	// Webhook is a request about the invoice as the provider sends it, signed
	// at that time with a secret that the wallet takes. Nil where the wallet
	// verifies no webhooks.
	Webhook func(t *testing.T, id string, at time.Time) (http.Header, []byte)
}

// patience bounds the wait for a look-up to see what happened; a wallet that
// knows at once is asked once.
const (
	patience = 15 * time.Second
	interval = 20 * time.Millisecond
)

// TestProvider runs the contract of [payments.Provider], and those of
// [payments.Finder], [payments.Watcher], [payments.WebhookVerifier],
// [payments.Holder] and [payments.Describer] where the wallet has them. open
// returns a shop that has made no invoices; it is called once per subtest, and
// clears up with t.Cleanup. Subtests run in parallel.
func TestProvider(t *testing.T, open func(t *testing.T) Shop) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Shop){
		"create":              testCreate,
		"create again":        testCreateAgain,
		"create at once":      testCreateAtOnce,
		"key is taken":        testConflict,
		"create after settle": testCreateAfterSettle,
		"not valid":           testNotValid,
		"settle":              testSettle,
		"expire":              testExpire,
		"not found":           testInvoiceNotFound,
		"ended context":       testProviderEndedContext,
		"describe":            testDescribe,
		"find":                testFind,
		"watch":               testWatch,
		"watch resumes":       testWatchResumes,
		"watch ends":          testWatchEnds,
		"webhook":             testWebhook,
		"webhook refused":     testWebhookRefused,
		"hold and settle":     testHoldSettle,
		"hold and cancel":     testHoldCancel,
		"hold, not paid":      testHoldUnpaid,
		"hold again":          testHoldAgain,
		"hold, not valid":     testHoldNotValid,
		"hold to the end":     testHoldDeadline,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func charge(key string) payments.Charge {
	return payments.Charge{Key: key, Amount: 1500 * payments.Sat, Memo: "one coffee", Expiry: 15 * time.Minute}
}

func testCreate(t *testing.T, s Shop) {
	c := charge("order-1")
	inv, err := s.Provider.CreateInvoice(t.Context(), c)
	require.NoError(t, err)
	require.NotEmpty(t, inv.ID)
	require.Equal(t, payments.Open, inv.Status)
	require.Equal(t, c.Amount, inv.Amount)
	require.Zero(t, inv.Received)
	require.Zero(t, inv.SettledAt)
	require.False(t, inv.Late)
	if inv.Key != "" {
		require.Equal(t, c.Key, inv.Key)
	}

	read, err := bolt11.Decode(inv.Bolt11, s.Network)
	require.NoError(t, err, "the invoice must stand strict reading")
	require.EqualValues(t, c.Amount, read.AmountMsat)
	if !inv.Hash.IsZero() {
		require.Equal(t, payments.Hash(read.Hash), inv.Hash)
	}
	require.True(t, inv.ExpiresAt.Equal(read.ExpiresAt), "expires at %v, and in the invoice %v", inv.ExpiresAt, read.ExpiresAt)
	require.InDelta(t, c.Expiry.Seconds(), read.ExpiresAt.Sub(read.CreatedAt).Seconds(), 1, "a life as asked")
	if read.DescriptionHash == [32]byte{} {
		require.Contains(t, read.Description, c.Memo)
	}

	other, err := s.Provider.CreateInvoice(t.Context(), charge("order-2"))
	require.NoError(t, err)
	require.NotEqual(t, inv.ID, other.ID)
	require.NotEqual(t, inv.Bolt11, other.Bolt11)
}

func testCreateAgain(t *testing.T, s Shop) {
	first, err := s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	second, err := s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	require.Equal(t, first, second)
	looked, err := s.Provider.LookupInvoice(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, first, looked)
}

func testCreateAtOnce(t *testing.T, s Shop) {
	const callers = 6
	var invoices [callers]payments.Invoice
	var errs [callers]error
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { invoices[i], errs[i] = s.Provider.CreateInvoice(t.Context(), charge("order")) })
	}
	wg.Wait()
	for i := range callers {
		require.NoError(t, errs[i])
		require.Equal(t, invoices[0].Bolt11, invoices[i].Bolt11, "one key, one invoice")
		require.Equal(t, invoices[0].ID, invoices[i].ID)
	}
}

func testConflict(t *testing.T, s Shop) {
	first, err := s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	dearer := charge("order")
	dearer.Amount += payments.Sat
	_, err = s.Provider.CreateInvoice(t.Context(), dearer)
	requireError(t, err, payments.ErrConflict)
	again, err := s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	require.Equal(t, first, again, "a conflict changes nothing")
}

func testCreateAfterSettle(t *testing.T, s Shop) {
	first, err := s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	s.Pay(t, first.Bolt11)
	awaitStatus(t, s, first.ID, payments.Settled)
	again, err := s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err, "a paid order is not charged twice")
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, payments.Settled, again.Status)
}

func testNotValid(t *testing.T, s Shop) {
	for name, c := range map[string]payments.Charge{
		"no key":          {Amount: payments.Sat},
		"odd key":         {Key: "a b", Amount: payments.Sat},
		"long key":        {Key: strings.Repeat("k", 65), Amount: payments.Sat},
		"no amount":       {Key: "k"},
		"negative amount": {Key: "k", Amount: -payments.Sat},
		"negative expiry": {Key: "k", Amount: payments.Sat, Expiry: -time.Second},
	} {
		inv, err := s.Provider.CreateInvoice(t.Context(), c)
		e := requireError(t, err, payments.ErrInvalid)
		require.Equal(t, payments.NotApplied, e.Outcome, name)
		require.Zero(t, inv, name)
	}
}

func testSettle(t *testing.T, s Shop) {
	paid, err := s.Provider.CreateInvoice(t.Context(), charge("paid"))
	require.NoError(t, err)
	open, err := s.Provider.CreateInvoice(t.Context(), charge("open"))
	require.NoError(t, err)
	s.Pay(t, paid.Bolt11)
	inv := awaitStatus(t, s, paid.ID, payments.Settled)
	require.Equal(t, paid.ID, inv.ID)
	require.Equal(t, paid.Amount, inv.Received)
	require.False(t, inv.Late)
	require.NotZero(t, inv.SettledAt)
	require.True(t, inv.SettledAt.Before(inv.ExpiresAt))
	awaitStatus(t, s, open.ID, payments.Open)
	if s.Advance != nil {
		s.Advance(time.Hour)
		require.Equal(t, inv, awaitStatus(t, s, paid.ID, payments.Settled), "what is settled stays settled")
		awaitStatus(t, s, open.ID, payments.Expired)
	}
}

func testExpire(t *testing.T, s Shop) {
	if s.Advance == nil {
		t.Skip("the clock is a real one")
	}
	inv, err := s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)
	s.Advance(14 * time.Minute)
	awaitStatus(t, s, inv.ID, payments.Open)
	s.Advance(time.Minute + time.Second)
	expired := awaitStatus(t, s, inv.ID, payments.Expired)
	require.Zero(t, expired.Received)
	require.Zero(t, expired.SettledAt)
}

func testInvoiceNotFound(t *testing.T, s Shop) {
	for _, id := range []string{"", "nobody", payments.Hash{1}.String(), strings.Repeat("x", 1000), "../a", "%"} {
		inv, err := s.Provider.LookupInvoice(t.Context(), id)
		requireError(t, err, payments.ErrNotFound)
		require.Zero(t, inv)
	}
}

func testProviderEndedContext(t *testing.T, s Shop) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Provider.CreateInvoice(ctx, charge("order"))
	requireError(t, err, context.Canceled)
	_, err = s.Provider.LookupInvoice(ctx, payments.Hash{1}.String())
	requireError(t, err, context.Canceled)
	_, err = s.Provider.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err, "to ask again is safe")
}

// awaitStatus looks the invoice up until it has the status.
func awaitStatus(t *testing.T, s Shop, id string, want payments.Status) payments.Invoice {
	t.Helper()
	inv, err := s.Provider.LookupInvoice(t.Context(), id)
	require.NoError(t, err)
	if inv.Status != want {
		require.Eventually(t, func() bool {
			next, err := s.Provider.LookupInvoice(t.Context(), id)
			if err == nil && next.Status == want {
				inv = next
				return true
			}
			return false
		}, patience, interval, "status is %q, want %q", inv.Status, want)
	}
	return inv
}

// requireError wants a *payments.Error that says who failed at what, and why.
func requireError(t *testing.T, err, kind error) *payments.Error {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *payments.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Provider)
	require.NotEmpty(t, e.Op)
	require.Error(t, e.Kind)
	return e
}
