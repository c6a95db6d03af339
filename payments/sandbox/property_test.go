package sandbox_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/sandbox"
)

// TestNetwork_Model runs random schedules of three wallets, each in two
// processes, over a KV that fails now and then, beside a model in a few maps.
func TestNetwork_Model(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kv := &flakyKV{KV: payments.NewMemoryKV()}
		clock := newClock()
		names := []string{"alice", "bob", "carol"}
		options := sandbox.Options{Now: clock.Now, Opening: 3000, Openings: map[string]payments.Msat{"carol": 0}}
		wallets := map[string][]*sandbox.Wallet{}
		for range 2 {
			process := sandbox.New(kv, options)
			for _, name := range names {
				wallets[name] = append(wallets[name], wallet(t, process, name))
			}
		}
		open := func(name string) *sandbox.Wallet {
			return rapid.SampledFrom(wallets[name]).Draw(t, "process")
		}
		want := map[string]payments.Msat{"alice": 3000, "bob": 3000, "carol": 0}
		for name, w := range want {
			require.Equal(t, w, balance(t, open(name)))
		}
		type made struct {
			payments.Invoice
			payee, payer string // payer is empty until it is paid
		}
		var invoices []*made

		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				payee := rapid.SampledFrom(names).Draw(t, "payee")
				amount := payments.Msat(rapid.Int64Range(1, 2500).Draw(t, "amount"))
				inv := create(t, open(payee), fmt.Sprint("order-", len(invoices)), amount)
				require.Equal(t, payments.Open, inv.Status)
				require.Equal(t, inv, create(t, open(payee), inv.Key, amount))
				invoices = append(invoices, &made{Invoice: inv, payee: payee})
			},
			"pay": func(t *rapid.T) {
				if len(invoices) == 0 {
					t.Skip("no invoices yet")
				}
				inv := rapid.SampledFrom(invoices).Draw(t, "invoice")
				payer := rapid.SampledFrom(names).Draw(t, "payer")
				lost := rapid.SampledFrom([]string{"", "", "question", "answer"}).Draw(t, "lost")
				var kind error
				switch {
				case payer == inv.payee:
					kind = payments.ErrInvalid
				case inv.payer == payer:
				case inv.payer != "":
					kind = payments.ErrAlreadyPaid
				case !clock.Now().Before(inv.ExpiresAt):
					kind = payments.ErrExpired
				case want[payer] < inv.Amount:
					kind = payments.ErrFunds
				default:
					kv.before, kv.after = 0, 0
					switch lost {
					case "question":
						kv.before, kind = 1, errFlaky
					case "answer":
						kv.after, kind = 1, errFlaky
					}
					if lost != "question" {
						inv.payer = payer
						want[payer] -= inv.Amount
						want[inv.payee] += inv.Amount
					}
				}
				payment, err := pay(open(payer), inv.Invoice)
				if kind == nil {
					require.NoError(t, err)
					require.Equal(t, inv.Hash, payment.Preimage.Hash())
					return
				}
				require.ErrorIs(t, err, kind)
				require.Equal(t, !errors.Is(kind, errFlaky), payments.MayRepeat(err))
				require.True(t, payment == payments.Payment{})
			},
			"wait": func(t *rapid.T) {
				clock.Advance(time.Duration(rapid.Int64Range(0, int64(40*time.Minute)).Draw(t, "wait")))
			},
			"": func(t *rapid.T) {
				process := rapid.IntRange(0, 1).Draw(t, "process")
				var sum payments.Msat
				for _, name := range names {
					got := balance(t, wallets[name][process])
					require.Equal(t, want[name], got, name)
					require.GreaterOrEqual(t, got, payments.Msat(0), name)
					sum += got
				}
				require.Equal(t, payments.Msat(6000), sum, "money is neither made nor lost")
				for _, inv := range invoices {
					looked, err := wallets[inv.payee][process].LookupInvoice(t.Context(), inv.ID)
					require.NoError(t, err)
					switch {
					case inv.payer != "":
						require.Equal(t, payments.Settled, looked.Status)
						require.Equal(t, inv.Amount, looked.Received)
					case clock.Now().Before(inv.ExpiresAt):
						require.Equal(t, payments.Open, looked.Status)
					default:
						require.Equal(t, payments.Expired, looked.Status)
					}
				}
			},
		})
	})
}
