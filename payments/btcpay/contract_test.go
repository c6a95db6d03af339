package btcpay_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/btcpay/btcpaytest"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

var versions = map[string]func(*opened){"2.4": func(*opened) {}, "1.13": legacy}

func TestProvider(t *testing.T) {
	t.Parallel()
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			paymentstest.TestProvider(t, func(t *testing.T) paymentstest.Shop {
				s := newStore(t, version, func(o *opened) { o.clock = standing(time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)) })
				return paymentstest.Shop{
					Provider: s.Wallet, Network: bolt11.Regtest, Advance: s.clock.Advance,
					Pay:     func(t *testing.T, invoice string) { s.pay(t, invoice) },
					Webhook: signed,
				}
			})
		})
	}
}

func TestPayer(t *testing.T) {
	t.Parallel()
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			paymentstest.TestPayer(t, func(t *testing.T) paymentstest.Purse {
				s := newStore(t, version)
				return paymentstest.Purse{
					Payer: s.Wallet, Network: bolt11.Regtest,
					Invoice:     func(t *testing.T, amount payments.Msat) string { return s.invoice(t, amount) },
					Balance:     func(t *testing.T) payments.Msat { return balance(t, s.node) },
					Destination: func(*testing.T) string { return address },
					Received:    func(t *testing.T) payments.Msat { return balance(t, s.customer) },
				}
			})
		})
	}
}

// signed is a webhook about an invoice.
func signed(t *testing.T, id string, at time.Time) (http.Header, []byte) {
	t.Helper()
	e := btcpaytest.Event{Type: "InvoiceSettled", Invoice: id, At: at}
	r, err := e.Request("https://shop.example/hook", "old")
	require.NoError(t, err)
	return r.Header, e.Body()
}
