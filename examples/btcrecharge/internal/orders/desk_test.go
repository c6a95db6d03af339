package orders

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/fsm"
	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/lnaddr/lnaddrtest"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	suppliersandbox "github.com/dmshop/dmshop/payments/order/sandbox"
	"github.com/dmshop/dmshop/payments/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

var alice = nostrbot.PubKey{1}

// world is a desk with real sandbox parts, and a clock that the test moves.
type world struct {
	t        *testing.T
	desk     *Desk
	shop     *sandbox.Wallet
	customer *sandbox.Wallet
	supplier *suppliersandbox.Supplier
	host     *lnaddrtest.Server
	refused  atomic.Int32 // refunds that the customer's service refused to invoice
	refuse   atomic.Bool

	offset  atomic.Int64
	notices chan Order
}

func newWorld(t *testing.T, faults suppliersandbox.Faults) *world {
	t.Helper()
	w := &world{t: t, notices: make(chan Order, 100)}
	now := func() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }
	ctx := t.Context()
	net := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: now})
	var err error
	w.shop, err = net.Wallet(ctx, "shop")
	require.NoError(t, err)
	w.customer, err = net.Wallet(ctx, "customer")
	require.NoError(t, err)
	var n atomic.Int64
	w.host, err = lnaddrtest.Serve(lnaddrtest.Service{
		Host: "wallet.example",
		Invoice: func(ctx context.Context, name string, msat int64) (string, error) {
			if w.refuse.Load() {
				w.refused.Add(1)
				return "", errors.New("out of order")
			}
			inv, err := w.customer.CreateInvoice(ctx, payments.Charge{Key: "refund-" + strconv.FormatInt(n.Add(1), 10), Amount: payments.Msat(msat)})
			return inv.Bolt11, err
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { w.host.Close() })
	addresses, err := lnaddr.NewClient(lnaddr.Config{Network: bolt11.Regtest, Allow: []lnaddr.Host{w.host.Host()}, Now: now})
	require.NoError(t, err)
	t.Cleanup(addresses.CloseIdle)
	kv := payments.NewMemoryKV()
	w.supplier = suppliersandbox.New(kv, faults)
	w.desk = &Desk{
		Book: Book{kv}, Wallet: w.shop, Supplier: w.supplier, Addresses: addresses,
		Poll: time.Millisecond, Expiry: time.Minute, Now: now,
		Tell: func(_ context.Context, o Order) error { w.notices <- o; return nil },
	}
	return w
}

// open runs the desk until close is called or the test ends.
func (w *world) open() (closeDesk func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.desk.Run(ctx) }()
	closeDesk = sync.OnceFunc(func() { cancel(); require.NoError(w.t, <-done) })
	w.t.Cleanup(closeDesk)
	return closeDesk
}

func (w *world) place(key string) Order {
	w.t.Helper()
	o, err := w.desk.Place(w.t.Context(), Order{
		Customer: alice, Key: key, Label: "Vodafone 5 EUR", Price: 5550 * payments.Sat,
		Item: payments.Item{SKU: "vodafone-romania", Value: "5", Recipient: "+40712345678"},
	})
	require.NoError(w.t, err)
	return o
}

func (w *world) pay(o Order) {
	w.t.Helper()
	_, err := w.customer.Pay(w.t.Context(), payments.PayRequest{Bolt11: o.Bolt11, Amount: o.Price})
	require.NoError(w.t, err)
}

// told waits for the next notice.
func (w *world) told(want string) Order {
	w.t.Helper()
	select {
	case o := <-w.notices:
		require.Equal(w.t, want, o.Notice())
		return o
	case <-time.After(patience):
		require.Fail(w.t, "not told", want)
		return Order{}
	}
}

func (w *world) stored(o Order) Order {
	w.t.Helper()
	got, ok, err := w.desk.Book.Get(w.t.Context(), alice, o.ID)
	require.NoError(w.t, err)
	require.True(w.t, ok)
	return got
}

func (w *world) balance() payments.Msat {
	b, err := w.customer.Balance(w.t.Context())
	require.NoError(w.t, err)
	return b
}

const key = "0123456789abcdef0123456789abcdef"

func TestDesk_Delivers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suppliersandbox.Faults{})
	w.open()
	o := w.place(key)
	require.Equal(t, AwaitingPayment, o.State)
	w.pay(o)
	w.told("paid")
	got := w.told("delivered")
	require.Empty(t, got.Item.Recipient, "the phone number is erased when the supplier's part is over")
	n, err := w.supplier.Deliveries(t.Context(), got.SupplierRef)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestDesk_PlaceTwiceIsOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suppliersandbox.Faults{})
	first := w.place(key)
	again := w.place(key)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, first.Bolt11, again.Bolt11)
	// An order whose key begins alike gets an id of its own.
	other := w.place(key[:8] + "ffffffffffffffffffffffff")
	require.NotEqual(t, first.ID, other.ID)
	require.NotEqual(t, first.Bolt11, other.Bolt11)
	all, err := w.desk.Book.Of(t.Context(), alice)
	require.NoError(t, err)
	require.Len(t, all, 2)
	_, ok, err := w.desk.Book.Get(t.Context(), nostrbot.PubKey{2}, first.ID)
	require.NoError(t, err)
	require.False(t, ok, "another customer does not see it")
}

func TestDesk_GoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suppliersandbox.Faults{})
	closeDesk := w.open()
	o := w.place(key)
	closeDesk()
	w.pay(o) // while the shop is closed
	w.open()
	w.told("paid")
	w.told("delivered")
}

func TestDesk_LostAnswerIsLookedUpNotRepeated(t *testing.T) {
	t.Parallel()
	lost := 0
	w := newWorld(t, suppliersandbox.Faults{LoseAnswer: func(string) bool { lost++; return true }})
	w.open()
	w.pay(w.place(key))
	w.told("paid")
	o := w.told("delivered")
	n, err := w.supplier.Deliveries(t.Context(), o.SupplierRef)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 1, lost)
}

func TestDesk_TellsAgainUntilItIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suppliersandbox.Faults{})
	fails := 3
	w.desk.Tell = func(_ context.Context, o Order) error {
		if fails--; fails >= 0 {
			return errors.New("no luck")
		}
		w.notices <- o
		return nil
	}
	w.open()
	w.pay(w.place(key))
	w.told("paid")
	w.told("delivered")
}

func TestDesk_Refunds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suppliersandbox.Faults{Refuse: true})
	before := w.balance()
	w.open()
	o := w.place(key)
	w.pay(o)
	w.told("paid")
	o = w.told("refund_due-1")
	require.Empty(t, o.Item.Recipient)

	// An address that cannot be paid: asked again, nothing paid.
	w.refuse.Store(true)
	require.NoError(t, w.desk.RefundTo(t.Context(), w.stored(o), w.host.Address("alice").String(), "dm-1"))
	o = w.told("refund_due-2")
	require.EqualValues(t, 1, w.refused.Load())
	require.NotEqual(t, before, w.balance())

	w.refuse.Store(false)
	due := w.stored(o)
	require.NoError(t, w.desk.RefundTo(t.Context(), due, w.host.LNURL("alice"), "dm-2"))
	require.NoError(t, w.desk.RefundTo(t.Context(), w.stored(o), w.host.LNURL("alice"), "dm-2"), "the same message again")
	require.ErrorIs(t, w.desk.RefundTo(t.Context(), due, "mallory@wallet.example", "dm-3"), ErrStale, "a second answer from the same state")
	w.told("refunded")
	require.Equal(t, before, w.balance())
	require.ErrorIs(t, w.desk.RefundTo(t.Context(), w.stored(o), "x@wallet.example", "dm-4"), fsm.ErrRefused)
}

func TestDesk_ExpiredUnpaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suppliersandbox.Faults{})
	w.open()
	o := w.place(key)
	w.offset.Store(int64(2 * time.Minute))
	require.Empty(t, w.told("expired").Item.Recipient)
	_, err := w.customer.Pay(t.Context(), payments.PayRequest{Bolt11: o.Bolt11, Amount: o.Price})
	require.ErrorIs(t, err, payments.ErrExpired)
}

// lateWallet says that an expired invoice was paid after all.
type lateWallet struct {
	Wallet
	late atomic.Bool
}

func (l *lateWallet) LookupInvoice(ctx context.Context, id string) (payments.Invoice, error) {
	inv, err := l.Wallet.LookupInvoice(ctx, id)
	if inv.Status == payments.Expired && l.late.Load() {
		inv.Status, inv.Received, inv.Late = payments.Settled, inv.Amount, true
	}
	return inv, err
}

func TestDesk_LateMoneyIsStillMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suppliersandbox.Faults{})
	late := &lateWallet{Wallet: w.shop}
	w.desk.Wallet = late
	closeDesk := w.open()
	w.place(key)
	w.offset.Store(int64(2 * time.Minute))
	w.told("expired")
	closeDesk()
	late.late.Store(true)
	w.open() // every order that may still see money is looked up at start
	w.told("refund_due-1")
}

// lossyWallet loses the answer to each payment it makes.
type lossyWallet struct {
	Wallet
	pays atomic.Int32
}

func (l *lossyWallet) Pay(ctx context.Context, r payments.PayRequest) (payments.Payment, error) {
	l.pays.Add(1)
	if _, err := l.Wallet.Pay(ctx, r); err != nil {
		return payments.Payment{}, err
	}
	return payments.Payment{}, &payments.Error{Op: "pay", Provider: "lossy", Kind: payments.ErrUnavailable}
}

func TestDesk_LostAnswerToARefundIsNeverPaidTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suppliersandbox.Faults{Refuse: true})
	lossy := &lossyWallet{Wallet: w.shop}
	w.desk.Wallet = lossy
	before := w.balance()
	w.open()
	o := w.place(key)
	w.pay(o)
	w.told("paid")
	o = w.told("refund_due-1")
	require.NoError(t, w.desk.RefundTo(t.Context(), w.stored(o), w.host.Address("alice").String(), "dm-1"))
	w.told("refunded")
	require.EqualValues(t, 1, lossy.pays.Load())
	require.Equal(t, before, w.balance())
}

// strictWallet loses the answer to a payment and then refuses to be asked.
type strictWallet struct {
	lossyWallet
	refusals atomic.Int32
}

func (s *strictWallet) LookupPayment(ctx context.Context, h payments.Hash) (payments.Payment, error) {
	if s.pays.Load() > 0 && s.refusals.Add(1) <= 3 {
		return payments.Payment{}, &payments.Error{Op: "look up", Provider: "strict", Kind: payments.ErrRejected, Outcome: payments.NotApplied}
	}
	return s.lossyWallet.LookupPayment(ctx, h)
}

func TestDesk_RefusedLookUpIsNoProofThatARefundFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suppliersandbox.Faults{Refuse: true})
	strict := &strictWallet{lossyWallet: lossyWallet{Wallet: w.shop}}
	w.desk.Wallet = strict
	before := w.balance()
	w.open()
	o := w.place(key)
	w.pay(o)
	w.told("paid")
	o = w.told("refund_due-1")
	require.NoError(t, w.desk.RefundTo(t.Context(), w.stored(o), w.host.Address("alice").String(), "dm-1"))
	w.told("refunded") // and not asked for another address
	require.EqualValues(t, 1, strict.pays.Load())
	require.Equal(t, before, w.balance())
}

// stubbornSupplier refuses or takes back after it was committed to.
type stubbornSupplier struct {
	payments.Supplier
	state payments.Fulfilment
	err   error
}

func (s *stubbornSupplier) Commit(context.Context, string) (payments.Purchase, error) {
	return payments.Purchase{State: s.state}, s.err
}

func TestDesk_PaidOrderThatCannotBeDeliveredIsRefunded(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*stubbornSupplier{
		"out of stock": {err: &payments.Error{Kind: payments.ErrOutOfStock, Outcome: payments.NotApplied}},
		"taken back":   {state: payments.Reversed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, suppliersandbox.Faults{})
			s.Supplier = w.supplier
			w.desk.Supplier = s
			w.open()
			w.pay(w.place(key))
			w.told("paid")
			w.told("refund_due-1")
		})
	}
}

func TestTable_MoneyEndsInDeliveryOrRefund(t *testing.T) {
	t.Parallel()
	for _, s := range Table.States() {
		require.Equal(t, s == Delivered || s == Refunded, Table.Terminal(s), s)
	}
	to, err := Table.Next(Expired, Settle)
	require.NoError(t, err)
	require.Equal(t, RefundDue, to)
}
