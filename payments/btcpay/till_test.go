package btcpay_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
)

// shop is a till that BTCPay calls. Its clock jumps when it is told to, so that
// nothing is found by polling before.
type shop struct {
	*payments.Till
	told     chan payments.Change
	endpoint *httptest.Server

	mu       sync.Mutex
	fail     int // of the next requests
	statuses []int
}

func newShop(t testing.TB, s *store, kv payments.KV) *shop {
	t.Helper()
	sh := &shop{Till: payments.NewTill(s.Wallet, kv, payments.TillOptions{}), told: make(chan payments.Change, 64)}
	sh.OnChange(func(_ context.Context, c payments.Change) error { sh.told <- c; return nil })
	hook := sh.Webhook()
	sh.endpoint = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := httptest.NewRecorder()
		sh.mu.Lock()
		failing := sh.fail > 0
		sh.fail -= min(sh.fail, 1)
		sh.mu.Unlock()
		if failing {
			seen.WriteHeader(http.StatusInternalServerError)
		} else {
			hook.ServeHTTP(seen, r)
		}
		sh.mu.Lock()
		sh.statuses = append(sh.statuses, seen.Code)
		sh.mu.Unlock()
		w.WriteHeader(seen.Code)
	}))
	t.Cleanup(sh.endpoint.Close)
	require.NoError(t, s.Subscribe(t.Context(), sh.endpoint.URL))
	return sh
}

func (sh *shop) run(t testing.TB) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sh.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
}

func (sh *shop) next(t testing.TB) payments.Change {
	t.Helper()
	select {
	case c := <-sh.told:
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("no change was told")
		panic("unreachable")
	}
}

func (sh *shop) answered() []int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return slices.Clone(sh.statuses)
}

// BTCPay calls, the till looks up, and the shop is told once: also when the
// first calls fail and are sent again, and when the payment comes late.
func TestTill_Webhooks(t *testing.T) {
	t.Parallel()
	for language, version := range versions {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, version)
			sh := newShop(t, s, payments.NewMemoryKV())
			sh.run(t)
			inv, err := sh.Charge(t.Context(), charge("order"))
			require.NoError(t, err)
			sh.mu.Lock()
			sh.fail = 2
			sh.mu.Unlock()
			s.pay(t, inv.Bolt11)
			s.server.Refresh(t.Context())
			c := sh.next(t)
			require.Equal(t, payments.Paid, c.Event)
			require.Equal(t, price, c.Invoice.Received)
			require.Eventually(t, func() bool { return slices.Contains(sh.answered(), 204) }, 10*time.Second, 10*time.Millisecond)
			require.Contains(t, sh.answered(), 500)
			select {
			case c := <-sh.told:
				t.Fatalf("told again: %v", c.Event)
			case <-time.After(50 * time.Millisecond):
			}
		})
	}
}

// Trap 6: an invoice that is paid after its end never reaches InvoiceSettled; it
// stays Expired and PaidLate. The till tells of the money.
func TestTrap6_PaidAfterExpiry(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var events []string
	received := make(chan struct{})
	s := newStore(t, func(o *opened) {
		o.options.Inspect = func(e btcpaytest.Exchange) {
			mu.Lock()
			defer mu.Unlock()
			if e.Event == "InvoiceReceivedPayment" {
				close(received)
			}
			if e.Event != "" {
				events = append(events, e.Event)
			}
		}
	})
	sh := newShop(t, s, payments.NewMemoryKV())
	sh.run(t)
	inv, err := sh.Charge(t.Context(), charge("order"))
	require.NoError(t, err)
	s.clock.Advance(time.Hour)
	s.server.Refresh(t.Context())
	require.Equal(t, payments.Unpaid, sh.next(t).Event)
	s.server.Receive(inv.ID, price, s.clock.Now())
	c := sh.next(t)
	require.Equal(t, payments.PaidLate, c.Event)
	require.Equal(t, price, c.Invoice.Received)
	<-received
	s.server.Close() // nothing more is sent
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, events, "InvoiceExpired")
	require.NotContains(t, events, "InvoiceSettled")
}

// Trap 5: BTCPay sends a webhook again after no answer, 5xx, 408 and 429 only;
// 401, 404 and 409 lose it for good.
func TestTrap5_A4xxLosesTheEvent(t *testing.T) {
	t.Parallel()
	for status, times := range map[int]int{500: 3, 503: 3, 408: 3, 429: 3, 401: 1, 404: 1, 409: 1, 200: 1} {
		s := newStore(t)
		told := make(chan payments.Notice, 16)
		endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if notices, err := s.VerifyWebhook(r.Header, body, time.Now()); err == nil && len(notices) == 1 {
				told <- notices[0]
			}
			w.WriteHeader(status)
		}))
		t.Cleanup(endpoint.Close)
		require.NoError(t, s.Subscribe(t.Context(), endpoint.URL))
		first, second := s.create(t, "first"), s.create(t, "second")
		s.server.Mark(first.ID, "Settled")
		s.server.Mark(second.ID, "Settled") // waits for the first one's end
		var deliveries []string
		for n := <-told; n.ID == first.ID; n = <-told {
			deliveries = append(deliveries, n.Delivery)
		}
		require.Len(t, deliveries, times, status)
		require.Len(t, slices.Compact(deliveries), 1, "one Delivery however often it is sent")
	}
}

// brokenKV fails while it is told to.
type brokenKV struct {
	payments.KV
	mu     sync.Mutex
	broken bool
}

func (b *brokenKV) set(broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = broken
}

func (b *brokenKV) Get(ctx context.Context, name string) ([]byte, int64, error) {
	b.mu.Lock()
	broken := b.broken
	b.mu.Unlock()
	if broken {
		return nil, 0, errors.New("the storage is away")
	}
	return b.KV.Get(ctx, name)
}

// So the till never answers a 4xx to what it could not keep, nor to an invoice
// that it does not know.
func TestTrap5_TheTillAnswersSoThatItIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	kv := &brokenKV{KV: payments.NewMemoryKV()}
	sh := newShop(t, s, kv)
	inv, err := sh.Charge(t.Context(), charge("order"))
	require.NoError(t, err)
	call := func(id string) int {
		r, err := btcpaytest.Event{Type: "InvoiceSettled", Invoice: id}.Request(sh.endpoint.URL, "new")
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer http.DefaultClient.CloseIdleConnections()
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	kv.set(true)
	require.Equal(t, 503, call(inv.ID))
	kv.set(false)
	require.Equal(t, 204, call(inv.ID))
	require.Equal(t, 204, call("unknown"))
}
