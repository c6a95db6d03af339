package sandbox_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/paymentstest"
	"github.com/dmshop/dmshop/payments/sandbox"
)

func TestProvider(t *testing.T) {
	t.Parallel()
	paymentstest.TestProvider(t, func(t *testing.T) paymentstest.Shop {
		clock := newClock()
		n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: clock.Now, WebhookSecrets: []string{"new", "old"}})
		customer := wallet(t, n, "customer")
		return paymentstest.Shop{
			Customer: customer,
			Webhook: func(_ *testing.T, id string, at time.Time) (http.Header, []byte) {
				body := fmt.Appendf(nil, `{"delivery":"d-1","type":"invoice_changed","invoice":%q}`, id)
				return http.Header{sandbox.SignatureHeader: {sandbox.Sign("old", body, at)}}, body
			},
			Provider: wallet(t, n, "shop"),
			Network:  bolt11.Regtest,
			Advance:  clock.Advance,
			Pay: func(t *testing.T, invoice string) {
				read, err := bolt11.Decode(invoice)
				require.NoError(t, err)
				_, err = customer.Pay(t.Context(), payments.PayRequest{Bolt11: invoice, Amount: payments.Msat(read.AmountMsat)})
				require.NoError(t, err)
			},
		}
	})
}

func TestPayer(t *testing.T) {
	t.Parallel()
	paymentstest.TestPayer(t, func(t *testing.T) paymentstest.Purse {
		n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{})
		payer, payee := wallet(t, n, "payer"), wallet(t, n, "payee")
		var made atomic.Int64
		return paymentstest.Purse{
			Payer:   payer,
			Network: bolt11.Regtest,
			Invoice: func(t *testing.T, amount payments.Msat) string {
				return create(t, payee, fmt.Sprint(made.Add(1)), amount).Bolt11
			},
			Balance: func(t *testing.T) payments.Msat { return balance(t, payer) },

			Destination: func(*testing.T) string { return payee.Address() },
			Received:    func(t *testing.T) payments.Msat { return balance(t, payee) },
		}
	})
}
