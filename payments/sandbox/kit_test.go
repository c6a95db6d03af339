package sandbox_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/sandbox"
)

var start = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// clock stands until it is advanced.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: start} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// flakyKV loses questions and answers.
type flakyKV struct {
	payments.KV
	mu                 sync.Mutex
	get, before, after int // how many of the next calls fail: Get, Put unwritten, Put written
}

var errFlaky = errors.New("the storage is away")

func (f *flakyKV) fail(n *int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *n > 0 {
		*n--
		return true
	}
	return false
}

func (f *flakyKV) Get(ctx context.Context, name string) ([]byte, int64, error) {
	if f.fail(&f.get) {
		return nil, 0, errFlaky
	}
	return f.KV.Get(ctx, name)
}

func (f *flakyKV) Put(ctx context.Context, name string, value []byte, rev int64) (bool, error) {
	if f.fail(&f.before) {
		return false, errFlaky
	}
	ok, err := f.KV.Put(ctx, name, value, rev)
	if f.fail(&f.after) {
		return false, errFlaky
	}
	return ok, err
}

func wallet(t require.TestingT, n *sandbox.Network, name string) *sandbox.Wallet {
	w, err := n.Wallet(context.Background(), name)
	require.NoError(t, err)
	return w
}

func create(t require.TestingT, w *sandbox.Wallet, key string, amount payments.Msat) payments.Invoice {
	inv, err := w.CreateInvoice(context.Background(), payments.Charge{Key: key, Amount: amount})
	require.NoError(t, err)
	return inv
}

func pay(w *sandbox.Wallet, inv payments.Invoice) (payments.Payment, error) {
	return w.Pay(context.Background(), payments.PayRequest{Bolt11: inv.Bolt11, Amount: inv.Amount})
}

func balance(t require.TestingT, w *sandbox.Wallet) payments.Msat {
	b, err := w.Balance(context.Background())
	require.NoError(t, err)
	return b
}

// requireRefused wants an error of that kind that says: nothing happened.
func requireRefused(t *testing.T, err, kind error) {
	t.Helper()
	require.ErrorIs(t, err, kind)
	require.True(t, payments.MayRepeat(err), "%v", err)
}
