package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/sandbox"
)

// modelHold is a hold invoice as the model sees it.
type modelHold struct {
	payments.Invoice
	preimage payments.Preimage
	status   payments.Status
	until    time.Time // of one that is held
}

// TestHold_Model runs random schedules of one shop with hold invoices and one
// customer, each in two processes, beside a model.
func TestHold_Model(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kv, clock := payments.NewMemoryKV(), newClock()
		options := sandbox.Options{Now: clock.Now, Opening: 3000}
		var shops, customers []*sandbox.Wallet
		for range 2 {
			process := sandbox.New(kv, options)
			shops, customers = append(shops, wallet(t, process, "shop")), append(customers, wallet(t, process, "customer"))
		}
		one := func(of []*sandbox.Wallet) *sandbox.Wallet { return rapid.SampledFrom(of).Draw(t, "process") }
		earned, spent := payments.Msat(0), payments.Msat(0)
		var holds []*modelHold
		// what time alone does
		settle := func() {
			for _, h := range holds {
				switch {
				case h.status == payments.Held && !clock.Now().Before(h.until):
					h.status = payments.Invalid
					spent -= h.Amount
				case h.status == payments.Open && !clock.Now().Before(h.ExpiresAt):
					h.status = payments.Expired
				}
			}
		}
		some := func() *modelHold {
			if len(holds) == 0 {
				t.Skip("no invoices yet")
			}
			return rapid.SampledFrom(holds).Draw(t, "invoice")
		}
		refusedUnless := func(ok bool, err, kind error) {
			if ok {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, kind)
			require.True(t, payments.MayRepeat(err))
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				h := &modelHold{preimage: payments.Preimage{byte(len(holds) + 1)}, status: payments.Open}
				amount := payments.Msat(rapid.Int64Range(1, 1500).Draw(t, "amount"))
				h.Invoice = hold(t, one(shops), fmt.Sprint("order-", len(holds)), amount, h.preimage)
				holds = append(holds, h)
			},
			"pay": func(t *rapid.T) {
				h := some()
				payment, err := pay(one(customers), h.Invoice)
				switch h.status {
				case payments.Open:
					enough := 3000-spent >= h.Amount
					refusedUnless(enough, err, payments.ErrFunds)
					if enough {
						h.status, h.until = payments.Held, clock.Now().Add(70*time.Minute)
						spent += h.Amount
						require.Equal(t, payments.PayPending, payment.State)
					}
				case payments.Held, payments.Settled:
					require.NoError(t, err)
					require.Equal(t, h.status == payments.Settled, payment.State == payments.PaySucceeded)
					require.Equal(t, h.status == payments.Settled, payment.Preimage == h.preimage)
				case payments.Expired:
					refusedUnless(false, err, payments.ErrExpired)
				default:
					refusedUnless(false, err, payments.ErrRejected)
				}
			},
			"settle": func(t *rapid.T) {
				h := some()
				refusedUnless(h.status == payments.Held || h.status == payments.Settled, one(shops).SettleHold(t.Context(), h.preimage), payments.ErrRejected)
				if h.status == payments.Held {
					h.status = payments.Settled
					earned += h.Amount
				}
			},
			"cancel": func(t *rapid.T) {
				h := some()
				refusedUnless(h.status != payments.Settled, one(shops).CancelHold(t.Context(), h.Hash), payments.ErrRejected)
				if h.status == payments.Held {
					spent -= h.Amount
				}
				if h.status != payments.Settled {
					h.status = payments.Invalid
				}
			},
			"wait": func(t *rapid.T) {
				clock.Advance(time.Duration(rapid.Int64Range(0, int64(40*time.Minute)).Draw(t, "wait")))
				settle()
			},
			"": func(t *rapid.T) {
				require.Equal(t, 3000+earned, balance(t, one(shops)))
				require.Equal(t, 3000-spent, balance(t, one(customers)))
				if len(holds) > 0 {
					h := some()
					looked, err := one(shops).LookupInvoice(t.Context(), h.ID)
					require.NoError(t, err)
					require.Equal(t, h.status, looked.Status)
				}
			},
		})
	})
}
