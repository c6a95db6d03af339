package payments_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/paymentstest"
	"github.com/dmshop/dmshop/payments/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const coffee = 900 * payments.Sat

// world is a shop's wallet with faults, a customer, and what tills tell. Its
// tests run in a bubble: time passes when all wait.
type world struct {
	t        *testing.T
	kv       payments.KV
	network  *sandbox.Network
	wallet   *paymentstest.Faults
	customer *sandbox.Wallet
	mu       sync.Mutex
	told     []payments.Change
	toldAt   []time.Time
	calls    map[string]int // of the handler, by change
	refuse   func(call int) error
}

func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, payments.NewMemoryKV())) })
}

func newWorld(t *testing.T, kv payments.KV) *world {
	t.Helper()
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{WebhookSecrets: []string{"s3cret"}, Opening: payments.BTC})
	shop, err := n.Wallet(t.Context(), "shop")
	require.NoError(t, err)
	customer, err := n.Wallet(t.Context(), "customer")
	require.NoError(t, err)
	return &world{t: t, kv: kv, network: n, wallet: paymentstest.NewFaults(shop), customer: customer, calls: map[string]int{}}
}

// heard is how often the handler was called for each change.
func (w *world) heard() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.calls)
}

// refusing lets the handler fail from now on; nil mends it.
func (w *world) refusing(how func(call int) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = how
}

func (w *world) hear(_ context.Context, c payments.Change) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[c.ID]++
	if w.refuse != nil {
		if err := w.refuse(w.calls[c.ID]); err != nil {
			return err
		}
	}
	w.told = append(w.told, c)
	w.toldAt = append(w.toldAt, time.Now())
	return nil
}

// changes are what was told so far, and when.
func (w *world) changes() ([]payments.Change, []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.told), slices.Clone(w.toldAt)
}

// events are what was told of a key so far.
func (w *world) events(key string) (events []payments.Event) {
	changes, _ := w.changes()
	for _, c := range changes {
		if c.Key == key {
			events = append(events, c.Event)
		}
	}
	return events
}

// till is a new process on the world's storage. Without push, as most wallets
// are, unless it is asked for.
func (w *world) till(edit ...func(*payments.TillOptions)) *payments.Till {
	return w.tillOf(struct {
		payments.Provider
		payments.Finder
	}{w.wallet, w.wallet}, edit...)
}

func (w *world) tillOf(p payments.Provider, edit ...func(*payments.TillOptions)) *payments.Till {
	o := payments.TillOptions{Logger: slog.New(slog.DiscardHandler)}
	for _, e := range edit {
		e(&o)
	}
	till := payments.NewTill(p, w.kv, o)
	till.OnChange(w.hear)
	return till
}

// run runs a till until stop is called or the test ends.
func (w *world) run(till *payments.Till) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- till.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			require.NoError(w.t, <-done)
		})
	}
	w.t.Cleanup(stop)
	return stop
}

func (w *world) charge(till *payments.Till, key string) payments.Invoice {
	w.t.Helper()
	inv, err := till.Charge(w.t.Context(), payments.Charge{Key: key, Amount: coffee, Memo: "coffee", Expiry: 15 * time.Minute})
	require.NoError(w.t, err)
	return inv
}

func (w *world) pay(inv payments.Invoice) {
	w.t.Helper()
	_, err := w.customer.Pay(w.t.Context(), payments.PayRequest{Bolt11: inv.Bolt11, Amount: inv.Amount})
	require.NoError(w.t, err)
}

// later lets time pass, and whatever is due happen.
func later(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}
