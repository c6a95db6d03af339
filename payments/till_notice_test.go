package payments_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/paymentstest"
	"github.com/dmshop/dmshop/payments/sandbox"
)

// Push makes it sooner, also twice and in the wrong order.
func TestTill_Watches(t *testing.T) {
	t.Parallel()
	for name, scramble := range map[string]bool{"in order": false, "scrambled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, w *world) {
				w.wallet.Scramble(scramble)
				till := w.tillOf(w.wallet)
				stop := w.run(till)
				var invoices []payments.Invoice
				for i := range 10 {
					invoices = append(invoices, w.charge(till, fmt.Sprint("order-", i)))
				}
				later(14*time.Minute + 17*time.Second)
				paidAt := time.Now()
				for _, inv := range invoices[:6] {
					w.pay(inv)
				}
				later(0)
				told, toldAt := w.changes()
				require.Len(t, told, 6)
				for i, c := range told {
					require.Equal(t, payments.Paid, c.Event)
					require.Equal(t, paidAt, toldAt[i], "no look-up was due")
				}
				// What happened while nobody watched is told from the cursor on.
				stop()
				for _, inv := range invoices[6:] {
					w.pay(inv)
				}
				w.run(w.tillOf(w.wallet))
				later(time.Minute)
				told, _ = w.changes()
				require.Len(t, told, 10, "each once")
				cursor, _, err := w.kv.Get(t.Context(), "till/cursor")
				require.NoError(t, err)
				if !scramble {
					require.Equal(t, "10", string(cursor))
				}
			})
		})
	}
}

// breaking is a watcher that loses its connection after each notice.
type breaking struct {
	*paymentstest.Faults
	mu      sync.Mutex
	cursors []string
}

func (b *breaking) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.cursors)
}

func (b *breaking) Watch(ctx context.Context, cursor string, fn func(context.Context, payments.Notice) error) error {
	b.mu.Lock()
	b.cursors = append(b.cursors, cursor)
	b.mu.Unlock()
	return b.Faults.Watch(ctx, cursor, func(ctx context.Context, n payments.Notice) error {
		if err := fn(ctx, n); err != nil {
			return err
		}
		return io.ErrUnexpectedEOF
	})
}

func TestTill_ResumesWatching(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		_, err := w.kv.Put(t.Context(), "till/cursor", []byte("of another wallet"), 0)
		require.NoError(t, err)
		wallet := &breaking{Faults: w.wallet}
		till := w.tillOf(wallet)
		w.run(till)
		for i := range 3 {
			later(2 * time.Minute)
			w.pay(w.charge(till, fmt.Sprint("order-", i)))
		}
		later(2 * time.Minute)
		require.Len(t, w.heard(), 3)
		require.Equal(t, []string{"of another wallet", "", "1", "2", "3"}, wallet.seen())
	})
}

// downKV fails while it is down.
type downKV struct {
	payments.KV
	mu   sync.Mutex
	down bool
}

func (d *downKV) set(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

func (d *downKV) Get(ctx context.Context, name string) ([]byte, int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return nil, 0, errDead
	}
	return d.KV.Get(ctx, name)
}

func TestTill_Webhook(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		kv := &downKV{KV: w.kv}
		w.kv = kv
		till := w.tillOf(struct {
			payments.Provider
			payments.WebhookVerifier
		}{w.wallet, w.wallet})
		w.run(till)
		inv := w.charge(till, "order")
		later(14*time.Minute + 17*time.Second)
		handler := till.Webhook()
		call := func(method, secret, body string) int {
			r := httptest.NewRequestWithContext(t.Context(), method, "/hook", strings.NewReader(body))
			r.Header.Set(sandbox.SignatureHeader, sandbox.Sign(secret, []byte(body), time.Now()))
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, r)
			require.NotContains(t, answer.Body.String(), inv.ID)
			return answer.Code
		}
		hint := fmt.Sprintf(`{"type":"invoice_changed","delivery":"d-1","invoice":%q}`, inv.ID)
		looked := w.wallet.Calls(paymentstest.Lookup)
		require.Equal(t, http.StatusUnauthorized, call("POST", "stranger", hint))
		require.Equal(t, http.StatusMethodNotAllowed, call("GET", "s3cret", hint))
		require.Equal(t, http.StatusBadRequest, call("POST", "s3cret", `{`))
		require.Equal(t, http.StatusRequestEntityTooLarge, call("POST", "s3cret", strings.Repeat(" ", 256<<10)+hint))
		require.Equal(t, http.StatusNoContent, call("POST", "s3cret", `{"type":"something_else"}`))
		require.Equal(t, http.StatusNoContent, call("POST", "s3cret", `{"type":"invoice_changed","invoice":"nobody's"}`), "never 4xx on our own miss")
		later(0)
		require.Equal(t, looked, w.wallet.Calls(paymentstest.Lookup))

		w.pay(inv)
		kv.set(true)
		require.Equal(t, http.StatusServiceUnavailable, call("POST", "s3cret", hint), "not durable: send it again")
		kv.set(false)
		paidAt := time.Now()
		require.Equal(t, http.StatusNoContent, call("POST", "s3cret", hint))
		later(0)
		require.Equal(t, []payments.Event{payments.Paid}, w.events("order"))
		_, toldAt := w.changes()
		require.Equal(t, paidAt, toldAt[0])
		looked = w.wallet.Calls(paymentstest.Lookup)
		for range 5 {
			require.Equal(t, http.StatusNoContent, call("POST", "s3cret", hint))
			later(0)
		}
		require.Equal(t, looked, w.wallet.Calls(paymentstest.Lookup), "a delivery that is repeated costs nothing")
	})
}

// listKV counts the names that were listed.
type listKV struct {
	payments.KV
	mu     sync.Mutex
	listed int
}

func (l *listKV) List(ctx context.Context, prefix string) ([]string, error) {
	names, err := l.KV.List(ctx, prefix)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed += len(names)
	return names, err
}

func (l *listKV) reset() (listed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	listed, l.listed = l.listed, 0
	return listed
}

// lateAt is an invoice that was paid late.
func lateAt(at time.Time) func(*payments.Invoice) {
	return func(i *payments.Invoice) {
		i.Status, i.Received, i.Late, i.SettledAt = payments.Settled, coffee, true, at
	}
}

// Old charges cost nothing: no look-up, and no reading at the start. A notice
// still opens one again.
func TestTill_Closes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		kv := &listKV{KV: w.kv}
		w.kv = kv
		till := w.till(func(o *payments.TillOptions) { o.LateFor = 36 * time.Hour })
		stop := w.run(till)
		var ids []string
		for i := range 30 {
			inv := w.charge(till, fmt.Sprint("order-", i))
			ids = append(ids, inv.ID)
			if i%2 == 0 {
				w.pay(inv)
			}
		}
		later(30 * time.Hour)
		w.wallet.Amend(ids[1], lateAt(time.Now()))
		later(2 * time.Hour)
		require.Equal(t, []payments.Event{payments.Unpaid, payments.PaidLate}, w.events("order-1"), "still looked at")
		later(72 * time.Hour)
		looked := w.wallet.Calls(paymentstest.Lookup)
		require.Less(t, looked, 30*150)
		later(240 * time.Hour)
		require.Equal(t, looked, w.wallet.Calls(paymentstest.Lookup), "all are closed")
		stop()

		next := w.till(func(o *payments.TillOptions) { o.LateFor = 36 * time.Hour })
		stop = w.run(next) // raises the floor
		later(0)
		stop()
		kv.reset()
		next = w.till(func(o *payments.TillOptions) { o.LateFor = 36 * time.Hour })
		w.run(next)
		later(0)
		require.Zero(t, kv.reset(), "what is long over is not read again")
		require.Equal(t, looked, w.wallet.Calls(paymentstest.Lookup))

		w.wallet.Amend(ids[3], lateAt(time.Now()))
		require.NoError(t, next.Notify(t.Context(), payments.Notice{ID: ids[3]}))
		later(0)
		require.Equal(t, []payments.Event{payments.Unpaid, payments.PaidLate}, w.events("order-3"))
		require.NoError(t, next.Notify(t.Context(), payments.Notice{ID: "nobody's"}))
		require.NoError(t, next.Notify(t.Context(), payments.Notice{}))
		later(72 * time.Hour)
		require.Len(t, w.events("order-3"), 2)
	})
}

// A record that cannot be read holds up no other, and is not lost.
func TestTill_DamagedRecord(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		first := w.till()
		bad, good := w.charge(first, "bad"), w.charge(first, "good")
		w.pay(bad)
		w.pay(good)
		whole, rev, err := w.kv.Get(t.Context(), "till/charge/bad")
		require.NoError(t, err)
		_, err = w.kv.Put(t.Context(), "till/charge/bad", whole[1:], rev)
		require.NoError(t, err)
		till := w.till()
		w.run(till)
		later(time.Hour)
		require.Equal(t, []payments.Event{payments.Paid}, w.events("good"))
		require.Empty(t, w.events("bad"))
		_, err = till.Charge(t.Context(), payments.Charge{Key: "bad", Amount: coffee})
		require.ErrorContains(t, err, "damaged")
		_, err = w.kv.Put(t.Context(), "till/charge/bad", whole, rev+1)
		require.NoError(t, err)
		later(2 * time.Minute)
		require.Equal(t, []payments.Event{payments.Paid}, w.events("bad"))
	})
}
