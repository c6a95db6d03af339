package btcpay_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/btcpay"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
)

const createInvoice = "/invoices"

// BTCPay makes an invoice for each request, whatever its orderId.
func TestCreate_BTCPayKeepsNoKeysApart(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	body := `{"amount":"0.000015","currency":"BTC","metadata":{"orderId":"order"},"checkout":{"paymentMethods":["BTC-LightningNetwork"]}}`
	for range 2 {
		status, _ := s.raw(t, "POST", storePath+"/invoices", body)
		require.Equal(t, 200, status)
	}
	require.Equal(t, 2, s.server.Invoices("order"))
}

// After a lost answer to create, the invoice that was made is found by its key;
// after a lost question, there is none and one is made. Either way one is shown.
func TestCreate_AnswerLost(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]btcpaytest.Fault{
		"answer lost":   {},
		"question lost": {Ask: true},
		"502 after it":  {Status: 502, Body: "<html>Bad Gateway</html>"},
		"500 after it":  {Status: 500, Body: `{"code":null,"message":"oops"}`},
		"not JSON":      {Status: 200, Body: "<html>"},
		"nothing in it": {Status: 200, Body: "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			fault.Method, fault.Path = "POST", createInvoice
			s.server.Fail(fault)
			inv, err := s.CreateInvoice(t.Context(), charge("order"))
			require.Error(t, err)
			require.False(t, payments.MayRepeat(err), "%v", err)
			require.Zero(t, inv)
			shown := s.create(t, "order")
			for range 2 {
				require.Equal(t, shown, s.create(t, "order"))
			}
			require.Equal(t, 1, s.server.Invoices("order"))
			found, err := open(t, s.config).FindInvoices(t.Context(), "order")
			require.NoError(t, err)
			require.Equal(t, []payments.Invoice{shown}, found)
		})
	}
}

// What was made can be found, and not read yet.
func TestCreate_MethodsLost(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.server.Fail(btcpaytest.Fault{Method: "GET", Path: "/payment-methods", Status: 503, Body: `{"code":"busy","message":"later"}`})
	_, err := s.CreateInvoice(t.Context(), charge("order"))
	requireOutcome(t, err, payments.ErrUnavailable, payments.Applied)
	s.create(t, "order")
	require.Equal(t, 1, s.server.Invoices("order"))
}

// A request that was taken for lost arrives when another invoice was shown: the
// one that was shown stays, and the other one is known, should money come.
func TestCreate_LostQuestionArrivesLate(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 9)
	s := newStore(t, func(o *opened) {
		o.options.Inspect = func(e btcpaytest.Exchange) {
			if e.Method == http.MethodPost {
				asked <- string(e.Body)
			}
		}
	})
	s.server.Fail(btcpaytest.Fault{Method: "POST", Path: createInvoice, Ask: true})
	_, err := s.CreateInvoice(t.Context(), charge("order"))
	requireOutcome(t, err, payments.ErrUnavailable, payments.OutcomeUnknown)
	shown := s.create(t, "order")
	s.clock.Advance(2 * time.Second)
	status, _ := s.raw(t, "POST", storePath+"/invoices", <-asked)
	require.Equal(t, 200, status)
	require.Equal(t, 2, s.server.Invoices("order"))
	for range 2 {
		require.Equal(t, shown, s.create(t, "order"))
	}
	found, err := s.FindInvoices(t.Context(), "order")
	require.NoError(t, err)
	require.Len(t, found, 2)

	// The late one gets money, from whoever: it is the one that counts.
	late := found[1]
	require.Equal(t, shown, found[0], "oldest first")
	s.pay(t, late.Bolt11)
	again := s.create(t, "order")
	require.Equal(t, late.ID, again.ID, "a paid order is not charged twice")
	require.Equal(t, payments.Settled, again.Status)
}

// Other software of the store counts its orders too, and names them alike.
func TestFind_IgnoresForeignInvoices(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	foreign := s.server.AddForeign("order", map[string]any{"orderId": "order", "itemDesc": "a T-shirt"})
	odd := s.server.AddForeign("order", map[string]any{"orderId": 7, "dmshop": []int{1}})
	found, err := s.FindInvoices(t.Context(), "order")
	require.NoError(t, err)
	require.Empty(t, found)
	inv := s.create(t, "order")
	require.NotEqual(t, foreign, inv.ID)
	for _, id := range []string{foreign, odd} {
		_, err = s.LookupInvoice(t.Context(), id)
		requireOutcome(t, err, payments.ErrNotFound, payments.NotApplied)
	}
}

// An invoice that somebody archived is not in BTCPay's lists by default.
func TestFind_Archived(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	inv := s.create(t, "order")
	s.server.Archive(inv.ID)
	require.Equal(t, inv, s.create(t, "order"))
	require.Equal(t, 1, s.server.Invoices("order"))
}

// While the node is down, BTCPay makes invoices that nobody can pay.
func TestCreate_NodeDown(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.server.Set(func(now *btcpaytest.Settings) { now.NodeDown = true })
	for range 2 {
		inv, err := s.CreateInvoice(t.Context(), charge("order"))
		requireOutcome(t, err, payments.ErrRejected, payments.Applied)
		require.ErrorContains(t, err, "node")
		require.Zero(t, inv)
	}
	s.server.Set(func(now *btcpaytest.Settings) { now.NodeDown = false })
	inv := s.create(t, "order")
	require.NotEmpty(t, inv.Bolt11)
	require.Equal(t, inv, s.create(t, "order"))
}

// A store with lazy payment methods gives a BOLT 11 only when it is asked.
func TestCreate_Lazy(t *testing.T) {
	t.Parallel()
	for name, version := range versions {
		s := newStore(t, version)
		s.server.Set(func(now *btcpaytest.Settings) { now.Lazy = true })
		inv := s.create(t, "order")
		require.NotEmpty(t, inv.Bolt11, name)
		require.Equal(t, inv, s.create(t, "order"))
		s.pay(t, inv.Bolt11)
		require.Equal(t, payments.Settled, s.look(t, inv.ID).Status)
	}
}

func TestCreate_Refused(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for name, c := range map[string]payments.Charge{
		"sub-satoshi": {Key: "k", Amount: 1500},
		"too long":    {Key: "k", Amount: price, Expiry: btcpay.MaxExpiry + 1},
	} {
		_, err := s.CreateInvoice(t.Context(), c)
		requireOutcome(t, err, payments.ErrInvalid, payments.NotApplied)
		require.Zero(t, s.server.Invoices("k"), name)
	}
	s.server.Set(func(now *btcpaytest.Settings) { now.Missing = []string{"btcpay.store.cancreateinvoice"} })
	_, err := s.CreateInvoice(t.Context(), charge("order"))
	e := requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
	require.Equal(t, "missing-permission", e.Code)
	require.ErrorContains(t, err, "cancreateinvoice")

	wrong := s.config
	wrong.APIKey = "another"
	_, err = open(t, wrong).CreateInvoice(t.Context(), charge("order"))
	requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)

	// What cannot be reached got nothing.
	wrong.URL = "http://127.0.0.1:1"
	_, err = open(t, wrong).CreateInvoice(t.Context(), charge("order"))
	requireOutcome(t, err, payments.ErrUnavailable, payments.NotApplied)
}

// The life of an invoice is rounded up to BTCPay's minutes, and none is the
// store's.
func TestCreate_Expiry(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for asked, want := range map[time.Duration]time.Duration{
		time.Second: time.Minute, time.Minute: time.Minute, 61 * time.Second: 2 * time.Minute, 0: 15 * time.Minute,
	} {
		c := charge("order-" + asked.String())
		c.Expiry = asked
		inv, err := s.CreateInvoice(t.Context(), c)
		require.NoError(t, err)
		read, err := bolt11.Decode(inv.Bolt11)
		require.NoError(t, err)
		require.InDelta(t, want.Seconds(), read.ExpiresAt.Sub(read.CreatedAt).Seconds(), 1, asked)
	}
}

// A store whose node is on another network than the shop's: its invoices are
// not handed out.
func TestCreate_OtherNetwork(t *testing.T) {
	t.Parallel()
	s := newStore(t, func(o *opened) { o.config.Network = bolt11.Mainnet })
	for range 2 {
		inv, err := s.CreateInvoice(t.Context(), charge("order"))
		require.ErrorIs(t, err, payments.ErrNetwork)
		require.Zero(t, inv)
	}
}

// A BOLT 11 invoice over another amount than was asked for is not handed out.
func TestCreate_OtherAmount(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	other := s.invoice(t, price+payments.Sat)
	s.server.Fail(btcpaytest.Fault{
		Method: "GET", Path: "/payment-methods", Status: 200, Body: fmt.Sprintf(`[{"paymentMethodId":"BTC-LN","destination":%q}]`, other),
	})
	inv, err := s.CreateInvoice(t.Context(), charge("order"))
	requireOutcome(t, err, payments.ErrRejected, payments.Applied)
	require.ErrorContains(t, err, "amount")
	require.Zero(t, inv)
}
