package payments_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

var quiet = payments.TillOptions{Logger: slog.New(slog.DiscardHandler)}

var errDead = errors.New("the process is dead")

// mortalKV is a process's view of the storage, until the process is killed: a
// write that is under way then happens or not, and all later calls fail.
type mortalKV struct {
	payments.KV
	mu     sync.Mutex
	dead   bool
	kill   string // die at the next Put of a name with this part
	before bool   // before it is written, else after
}

func (m *mortalKV) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

func (m *mortalKV) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
}

func (m *mortalKV) Get(ctx context.Context, name string) ([]byte, int64, error) {
	if m.isDead() {
		return nil, 0, errDead
	}
	return m.KV.Get(ctx, name)
}

func (m *mortalKV) List(ctx context.Context, prefix string) ([]string, error) {
	if m.isDead() {
		return nil, errDead
	}
	return m.KV.List(ctx, prefix)
}

func (m *mortalKV) Put(ctx context.Context, name string, value []byte, rev int64) (bool, error) {
	m.mu.Lock()
	hit := m.kill != "" && strings.Contains(name, m.kill)
	if m.dead || hit && m.before {
		m.dead = true
		m.mu.Unlock()
		return false, errDead
	}
	m.mu.Unlock()
	ok, err := m.KV.Put(ctx, name, value, rev)
	if hit {
		m.die()
		return false, errDead
	}
	return ok, err
}

// forgetful is a wallet that makes another invoice each time that it is asked:
// its keys are only kept to be searched, as BTCPay's are.
type forgetful struct {
	*paymentstest.Faults
	mu   sync.Mutex
	made map[string][]string // ids by key
}

func (f *forgetful) CreateInvoice(ctx context.Context, c payments.Charge) (payments.Invoice, error) {
	f.mu.Lock()
	n := len(f.made[c.Key])
	key := c.Key
	f.made[key] = append(f.made[key], "")
	f.mu.Unlock()
	c.Key = fmt.Sprintf("%s_%d", key, n)
	inv, err := f.Wallet.CreateInvoice(ctx, c)
	f.mu.Lock()
	f.made[key][n] = inv.ID
	f.mu.Unlock()
	if err != nil {
		return inv, err
	}
	// The faults of a call, on what was made.
	inv.Key = ""
	return f.answer(ctx, inv)
}

// answer goes by the faults of the call.
func (f *forgetful) answer(ctx context.Context, inv payments.Invoice) (payments.Invoice, error) {
	_, err := f.Faults.CreateInvoice(ctx, payments.Charge{Key: "unused", Amount: 1})
	if err != nil {
		return payments.Invoice{}, err
	}
	return inv, nil
}

func (f *forgetful) LookupInvoice(ctx context.Context, id string) (payments.Invoice, error) {
	inv, err := f.Faults.LookupInvoice(ctx, id)
	inv.Key = ""
	return inv, err
}

func (f *forgetful) FindInvoices(ctx context.Context, key string) ([]payments.Invoice, error) {
	f.mu.Lock()
	ids := append([]string(nil), f.made[key]...)
	f.mu.Unlock()
	var found []payments.Invoice
	for _, id := range ids {
		inv, err := f.LookupInvoice(ctx, id)
		if err != nil {
			return nil, err
		}
		found = append(found, inv)
	}
	return found, nil
}

// A process is killed at each point of a charge; the next one asks again. At
// most one invoice of a key is ever shown, and once it is paid that is told,
// exactly once.
func TestTill_KilledWhileCharging(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	points := map[string]func(*mortalKV, *forgetful){
		"before intent":    func(kv *mortalKV, _ *forgetful) { kv.kill, kv.before = "charge/", true },
		"before the index": func(kv *mortalKV, _ *forgetful) { kv.kill, kv.before = "day/", true },
		"index to intent":  func(kv *mortalKV, _ *forgetful) { kv.kill = "day/" },
		"intent to call":   func(kv *mortalKV, _ *forgetful) { kv.kill = "charge/" },
		"call to answer": func(kv *mortalKV, f *forgetful) {
			f.Set(paymentstest.Create, paymentstest.Fault{At: kv.die, Lose: true})
		},
		"answer to record":  func(kv *mortalKV, f *forgetful) { f.Set(paymentstest.Create, paymentstest.Fault{At: kv.die}) },
		"before the naming": func(kv *mortalKV, _ *forgetful) { kv.kill, kv.before = "/id/", true },
		"naming to record":  func(kv *mortalKV, _ *forgetful) { kv.kill = "/id/" },
		"lost answer":       func(_ *mortalKV, f *forgetful) { f.Set(paymentstest.Create, paymentstest.Fault{Lose: true}) },
	}
	for name, kill := range points {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, w *world) {
				random := rand.New(rand.NewPCG(seed, 0))
				wallet := &forgetful{Faults: w.wallet, made: map[string][]string{}}
				const orders = 12
				killed, lost := 0, 0
				for i := range orders {
					key := fmt.Sprint("order-", i)
					kv := &mortalKV{KV: w.kv}
					kill(kv, wallet)
					first := payments.NewTill(wallet, kv, quiet)
					_, err := first.Charge(t.Context(), payments.Charge{Key: key, Amount: coffee})
					require.Error(t, err)
					if kv.isDead() {
						killed++
					} else {
						lost++
					}
					wallet.Set(paymentstest.Create, paymentstest.Fault{})
					later(time.Duration(random.IntN(90)) * time.Second)
					inv := w.charge(w.tillOf(wallet), key)
					require.Equal(t, inv, w.charge(w.tillOf(wallet), key))
					require.Len(t, wallet.made[key], 1, "none beside the one that is shown")
					w.pay(inv)
				}
				require.Equal(t, orders, killed+lost)
				t.Logf("%s: %d kills, %d lost answers", name, killed, lost)
				w.run(w.tillOf(wallet))
				later(time.Hour)
				require.Len(t, w.heard(), orders)
				for i := range orders {
					require.Equal(t, []payments.Event{payments.Paid}, w.events(fmt.Sprint("order-", i)))
				}
			})
		})
	}
}

// A process is killed at each point between a payment and its being told.
func TestTill_KilledWhileTelling(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		puts  int  // how many Puts of the record it lives to see
		after bool // and dies right after one more
		calls int  // of the handler, over both processes
	}{
		"seen to record":   {0, false, 1},
		"record to claim":  {0, true, 1},
		"claim to telling": {1, true, 1},
		"told to record":   {2, false, 2},
		"recorded":         {2, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, w *world) {
				kv := &countdownKV{mortalKV: mortalKV{KV: w.kv}, left: -1}
				doomed := payments.NewTill(w.wallet, kv, quiet)
				doomed.OnChange(w.hear)
				inv := w.charge(doomed, "order")
				kv.arm(tt.puts, tt.after)
				w.pay(inv)
				stop := w.run(doomed)
				later(time.Minute)
				require.True(t, kv.isDead())
				stop()
				w.run(w.till())
				later(3 * time.Minute)
				require.Equal(t, map[string]int{"order.1": tt.calls}, w.heard())
			})
		})
	}
}

// countdownKV dies at a certain Put of a record.
type countdownKV struct {
	mortalKV
	left  int // -1: never
	after bool
}

func (c *countdownKV) arm(left int, after bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.after = left, after
}

// last tells whether this is the Put to die at.
func (c *countdownKV) last(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead || c.left < 0 || !strings.Contains(name, "charge/") {
		return false
	}
	c.left--
	return c.left < 0
}

func (c *countdownKV) Put(ctx context.Context, name string, value []byte, rev int64) (bool, error) {
	if !c.last(name) {
		return c.mortalKV.Put(ctx, name, value, rev)
	}
	if c.after {
		_, _ = c.KV.Put(ctx, name, value, rev)
	}
	c.die()
	return false, errDead
}

// A wallet that asks for another amount is not believed, and its invoice is
// shown to nobody.
func TestTill_WrongInvoice(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*payments.Invoice){
		"more":         func(i *payments.Invoice) { i.Amount++ },
		"less":         func(i *payments.Invoice) { i.Amount-- },
		"no request":   func(i *payments.Invoice) { i.Bolt11 = "" },
		"no id":        func(i *payments.Invoice) { i.ID = "" },
		"long id":      func(i *payments.Invoice) { i.ID = strings.Repeat("x", 257) },
		"another key":  func(i *payments.Invoice) { i.Key = "order-2" },
		"one for all":  func(i *payments.Invoice) { i.ID = "same" },
		"binary in id": func(i *payments.Invoice) { i.ID = "a\x00" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, w *world) {
				till := w.tillOf(struct{ payments.Provider }{w.wallet})
				w.wallet.Amend("", spoil)
				if name == "one for all" {
					_, err := till.Charge(t.Context(), payments.Charge{Key: "first", Amount: coffee})
					require.NoError(t, err)
				}
				inv, err := till.Charge(t.Context(), payments.Charge{Key: "order", Amount: coffee})
				require.Error(t, err)
				require.False(t, payments.MayRepeat(err), "%v", err)
				require.Zero(t, inv)
				w.wallet.Amend("", nil)
				require.NotEmpty(t, w.charge(till, "order").Bolt11)
			})
		})
	}
}

// Of two invoices that a lost answer left behind one is shown; money that comes
// to the other is told as what it is.
func TestTill_TwoInvoicesOfOneKey(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		wallet := &forgetful{Faults: w.wallet, made: map[string][]string{}}
		till := w.tillOf(wallet)
		w.run(till)
		wallet.Set(paymentstest.Create, paymentstest.Fault{Lose: true})
		c := payments.Charge{Key: "order", Amount: coffee}
		_, err := till.Charge(t.Context(), c)
		require.Error(t, err)
		_, err = wallet.CreateInvoice(t.Context(), c) // somebody else's, beside the till
		require.Error(t, err)
		wallet.Set(paymentstest.Create, paymentstest.Fault{})
		shown := w.charge(till, "order")
		require.Equal(t, wallet.made["order"][0], shown.ID, "the oldest")
		later(time.Minute)
		w.pay(shown)
		later(time.Minute)
		other, err := wallet.LookupInvoice(t.Context(), wallet.made["order"][1])
		require.NoError(t, err)
		w.pay(other)
		later(time.Hour)
		require.Equal(t, []payments.Event{payments.Paid, payments.PaidTwice}, w.events("order"))
		told, _ := w.changes()
		require.Equal(t, other.ID, told[1].Invoice.ID)
	})
}
