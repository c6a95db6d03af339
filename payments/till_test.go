package payments_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

func TestTill_Paid(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		till := w.till()
		w.run(till)
		inv := w.charge(till, "order")
		require.Equal(t, "order", inv.Key)
		require.Equal(t, inv, w.charge(till, "order"), "one key, one invoice")
		require.Equal(t, 1, w.wallet.Calls(paymentstest.Create))
		later(3 * time.Minute)
		w.pay(inv)
		later(time.Minute)
		require.Equal(t, []payments.Event{payments.Paid}, w.events("order"))
		told, _ := w.changes()
		c := told[0]
		require.Equal(t, "order.1", c.ID)
		require.Equal(t, "order", c.Invoice.Key)
		require.Equal(t, coffee, c.Invoice.Received)
		require.Equal(t, inv.Bolt11, c.Invoice.Bolt11)
		require.Equal(t, payments.Settled, w.charge(till, "order").Status)
		later(48 * time.Hour)
		told, _ = w.changes()
		require.Len(t, told, 1, "once")
	})
}

// Another process writes the record while this one looks up: what was seen is
// not lost.
func TestTill_Overtaken(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		till := w.till()
		w.pay(w.charge(till, "order"))
		later(10 * time.Minute)
		var once sync.Once
		w.wallet.Set(paymentstest.Lookup, paymentstest.Fault{At: func() {
			once.Do(func() {
				raw, rev, err := w.kv.Get(t.Context(), "till/charge/order")
				require.NoError(t, err)
				ok, err := w.kv.Put(t.Context(), "till/charge/order", raw, rev)
				require.NoError(t, err)
				require.True(t, ok)
			})
		}})
		w.run(till)
		later(time.Second)
		require.Equal(t, []payments.Event{payments.Paid}, w.events("order"))
	})
}

func TestTill_UnpaidIsToldAtTheEnd(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		till := w.till()
		w.run(till)
		inv := w.charge(till, "order")
		later(15*time.Minute + 2*time.Second)
		require.Equal(t, []payments.Event{payments.Unpaid}, w.events("order"))
		_, toldAt := w.changes()
		require.WithinDuration(t, inv.ExpiresAt, toldAt[0], 2*time.Second)
	})
}

// A hint that comes while the invoice is being looked up is about what that
// look-up may have missed.
func TestTill_HintDuringLookup(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		till := w.till()
		inv := w.charge(till, "order")
		later(10 * time.Minute)
		var once sync.Once
		w.wallet.Set(paymentstest.Lookup, paymentstest.Fault{At: func() {
			once.Do(func() { // seen open, and not answered yet
				w.pay(inv)
				require.NoError(t, till.Notify(t.Context(), payments.Notice{ID: inv.ID}))
			})
		}})
		w.run(till)
		later(time.Second)
		require.Equal(t, []payments.Event{payments.Paid}, w.events("order"))
	})
}

// What the wallet tells of an invoice after a minute, after an hour, after two.
func TestTill_Surfaces(t *testing.T) {
	t.Parallel()
	set := func(s payments.Status, received payments.Msat, late bool) func(*payments.Invoice) {
		return func(i *payments.Invoice) {
			i.Status, i.Received, i.Late = s, received, late
			if s == payments.Settled {
				i.SettledAt = i.ExpiresAt.Add(time.Hour)
			}
		}
	}
	for name, tt := range map[string]struct {
		tells [3]func(*payments.Invoice)
		want  []payments.Event
	}{
		"late":      {[3]func(*payments.Invoice){nil, nil, set(payments.Settled, coffee, true)}, []payments.Event{payments.Unpaid, payments.PaidLate}},
		"over":      {[3]func(*payments.Invoice){set(payments.Settled, coffee+1, false)}, []payments.Event{payments.PaidOver}},
		"partial":   {[3]func(*payments.Invoice){set(payments.Partial, 1, false), set(payments.Expired, 1, false)}, []payments.Event{payments.PaidPartial, payments.PaidPartial}},
		"completed": {[3]func(*payments.Invoice){set(payments.Partial, 1, false), set(payments.Settled, coffee, false)}, []payments.Event{payments.PaidPartial, payments.Paid}},
		"double":    {[3]func(*payments.Invoice){set(payments.Settled, coffee, false), set(payments.Settled, 2*coffee, false)}, []payments.Event{payments.Paid, payments.PaidTwice}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, w *world) {
				till := w.till()
				w.run(till)
				inv := w.charge(till, "order")
				for i, wait := range []time.Duration{time.Minute, time.Hour, time.Hour} {
					later(wait)
					if tt.tells[i] != nil {
						w.wallet.Amend(inv.ID, tt.tells[i])
					}
				}
				later(2 * time.Hour)
				require.Equal(t, tt.want, w.events("order"))
			})
		})
	}
}

// What was paid while no till ran is told as soon as one does.
func TestTill_LooksAtAllOnStart(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		const orders = 300
		first := w.till()
		for i := range orders {
			inv := w.charge(first, fmt.Sprint("order-", i))
			if i%3 == 0 {
				w.pay(inv)
			}
		}
		later(6 * time.Hour)
		require.Zero(t, w.wallet.Calls(paymentstest.Lookup))
		w.run(w.till())
		later(0)
		require.Equal(t, orders, w.wallet.Calls(paymentstest.Lookup), "each once, at once")
		for i := range orders {
			want := payments.Unpaid
			if i%3 == 0 {
				want = payments.Paid
			}
			require.Equal(t, []payments.Event{want}, w.events(fmt.Sprint("order-", i)))
		}
	})
}

func TestTill_ProviderIsDown(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		till := w.till()
		w.run(till)
		var invoices []payments.Invoice
		for i := range 20 {
			invoices = append(invoices, w.charge(till, fmt.Sprint("order-", i)))
		}
		w.wallet.Set(paymentstest.Lookup, paymentstest.Fault{Fail: true})
		w.wallet.Set(paymentstest.Create, paymentstest.Fault{Fail: true})
		for _, inv := range invoices[:10] {
			w.pay(inv)
		}
		_, err := till.Charge(t.Context(), payments.Charge{Key: "new", Amount: coffee})
		require.ErrorIs(t, err, payments.ErrUnavailable)
		require.True(t, payments.MayRepeat(err))
		before := w.wallet.Calls(paymentstest.Lookup)
		later(10 * time.Hour)
		require.Empty(t, w.heard())
		require.Less(t, w.wallet.Calls(paymentstest.Lookup)-before, 20*(600+20), "a wallet that is down is not hammered")
		w.wallet.Set(paymentstest.Lookup, paymentstest.Fault{})
		w.wallet.Set(paymentstest.Create, paymentstest.Fault{})
		later(time.Minute)
		for i := range 20 {
			want := payments.Paid
			if i >= 10 {
				want = payments.Unpaid
			}
			require.Equal(t, []payments.Event{want}, w.events(fmt.Sprint("order-", i)))
		}
		require.NotEmpty(t, w.charge(till, "new").Bolt11)
	})
}

// A handler that fails is called again with the same change, by the next
// process too, and the changes after it wait.
func TestTill_HandlerFails(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.refusing(func(call int) error {
			if call%2 == 0 {
				panic("a bug")
			}
			return errors.New("the shop's database is away")
		})
		till := w.till()
		stop := w.run(till)
		inv := w.charge(till, "order")
		later(20 * time.Minute)
		require.Greater(t, w.heard()["order.1"], 5)
		w.wallet.Amend(inv.ID, func(i *payments.Invoice) {
			i.Status, i.Received, i.Late, i.SettledAt = payments.Settled, coffee, true, time.Now()
		})
		later(5 * time.Minute)
		stop()
		require.Len(t, w.heard(), 1)
		w.refusing(nil)
		w.run(w.till())
		later(3 * time.Minute)
		require.Equal(t, []payments.Event{payments.Unpaid, payments.PaidLate}, w.events("order"))
		require.Equal(t, 1, w.heard()["order.2"])
	})
}

// A change that is being told when the till stops is told to its end.
func TestTill_StopDrains(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		takes  time.Duration
		events []payments.Event
	}{
		"in time": {5 * time.Second, []payments.Event{payments.Paid}},
		"stuck":   {time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, w *world) {
				begun := make(chan struct{})
				till := payments.NewTill(w.wallet, w.kv, quiet)
				till.OnChange(func(ctx context.Context, c payments.Change) error {
					close(begun)
					select {
					case <-time.After(tt.takes):
						return w.hear(ctx, c)
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				stop := w.run(till)
				w.pay(w.charge(till, "order"))
				<-begun
				at := time.Now()
				stop()
				require.LessOrEqual(t, time.Since(at), 10*time.Second)
				require.Equal(t, tt.events, w.events("order"))
				w.run(w.till())
				later(time.Minute)
				require.Equal(t, []payments.Event{payments.Paid}, w.events("order"), "once, or by the next one")
			})
		})
	}
}

// Two processes on one storage charge the same keys at once, and both tell.
func TestTill_TwoOnOneKV(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		const orders = 100
		tills := [2]*payments.Till{w.till(), w.till()}
		for _, till := range tills {
			w.run(till)
		}
		w.wallet.Set(paymentstest.Create, paymentstest.Fault{Delay: time.Second})
		var invoices [2][orders]payments.Invoice
		var wg sync.WaitGroup
		for i, till := range tills {
			for k := range orders {
				wg.Go(func() { invoices[i][k] = w.charge(till, fmt.Sprint("order-", k)) })
			}
		}
		wg.Wait()
		require.Equal(t, invoices[0], invoices[1])
		require.Equal(t, orders, w.wallet.Calls(paymentstest.Create))
		for _, inv := range invoices[0] {
			w.pay(inv)
		}
		later(30 * time.Minute)
		require.Len(t, w.heard(), orders)
		for id, calls := range w.heard() {
			require.Equal(t, 1, calls, id)
		}
		told, _ := w.changes()
		for _, c := range told {
			require.Equal(t, payments.Paid, c.Event)
		}
	})
}

// A till takes over what another process charged and left.
func TestTill_TakesOver(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.run(w.till())
		// The other process pauses where the charge is indexed, and no more.
		_, err := w.kv.Put(t.Context(), "till/day/"+time.Now().UTC().Format("20060102")+"/order", nil, 0)
		require.NoError(t, err)
		later(10 * time.Minute)
		inv := w.charge(w.till(), "order") // by a process without Run
		w.pay(inv)
		later(2 * time.Minute)
		require.Equal(t, []payments.Event{payments.Paid}, w.events("order"))
	})
}

func TestTill_Conflicts(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		till := w.till()
		w.charge(till, "order")
		for _, c := range []payments.Charge{{Key: "order", Amount: coffee + 1}, {Key: "order", Amount: 1}} {
			_, err := till.Charge(t.Context(), c)
			require.ErrorIs(t, err, payments.ErrConflict)
			require.True(t, payments.MayRepeat(err))
		}
		_, err := till.Charge(t.Context(), payments.Charge{Key: "a b", Amount: 1})
		require.ErrorIs(t, err, payments.ErrInvalid)
		_, err = till.ChargeHold(t.Context(), payments.HoldCharge{})
		require.ErrorIs(t, err, payments.ErrUnsupported)
		require.Equal(t, 1, w.wallet.Calls(paymentstest.Create))

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = till.Charge(ended, payments.Charge{Key: "other", Amount: 1})
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestTill_Hold(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		till := w.tillOf(w.wallet)
		w.run(till)
		hold := func(key string, p payments.Preimage) payments.Invoice {
			c := payments.HoldCharge{Charge: payments.Charge{Key: key, Amount: coffee}, Hash: p.Hash()}
			inv, err := till.ChargeHold(t.Context(), c)
			require.NoError(t, err)
			again, err := till.ChargeHold(t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, inv, again)
			c.Hash[0]++
			_, err = till.ChargeHold(t.Context(), c)
			require.ErrorIs(t, err, payments.ErrConflict)
			_, err = till.Charge(t.Context(), c.Charge)
			require.ErrorIs(t, err, payments.ErrConflict)
			return inv
		}
		settled, cancelled := hold("settled", payments.Preimage{1}), hold("cancelled", payments.Preimage{2})
		w.pay(settled)
		w.pay(cancelled)
		later(time.Minute)
		require.Equal(t, []payments.Event{payments.OnHold}, w.events("settled"))
		told, _ := w.changes()
		require.NotZero(t, told[0].Invoice.Deadline)
		require.NoError(t, w.wallet.SettleHold(t.Context(), payments.Preimage{1}))
		require.NoError(t, w.wallet.CancelHold(t.Context(), cancelled.Hash))
		later(time.Minute)
		require.Equal(t, []payments.Event{payments.OnHold, payments.Paid}, w.events("settled"))
		require.Equal(t, []payments.Event{payments.OnHold, payments.Unpaid}, w.events("cancelled"))
	})
}

func TestTill_Wiring(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		require.PanicsWithValue(t, "payments: NewTill: give it a wallet and a KV", func() { payments.NewTill(nil, nil, payments.TillOptions{}) })
		require.Panics(t, func() { payments.NewTill(w.wallet, w.kv, payments.TillOptions{LateFor: -1}) })
		silent := payments.NewTill(w.wallet, w.kv, payments.TillOptions{})
		require.ErrorContains(t, silent.Run(t.Context()), "OnChange")
		till := w.till()
		require.Panics(t, func() { till.OnChange(w.hear) })
		stop := w.run(till)
		synctest.Wait()
		require.ErrorContains(t, till.Run(t.Context()), "runs already")
		stop()
		w.run(till) // again is fine
		require.Panics(t, func() { till.Webhook() }, "a wallet without webhooks")
	})
}
