package lnd_test

import (
	"testing"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

func TestProvider(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	paymentstest.TestProvider(t, func(t *testing.T) paymentstest.Shop {
		return paymentstest.Shop{
			Provider: wallet(t, n.Shop, receiving, holding),
			Network:  bolt11.Regtest,
			Pay:      func(t *testing.T, invoice string) { n.Customer.Pay(t, invoice) },
			Customer: wallet(t, n.Customer, paying),
		}
	})
}

func TestPayer(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	paymentstest.TestPayer(t, func(t *testing.T) paymentstest.Purse {
		payee := &received{node: n.Customer}
		const plenty = payments.BTC
		return paymentstest.Purse{
			Payer:   wallet(t, n.Shop, paying),
			Network: bolt11.Regtest,
			Invoice: func(t *testing.T, amount payments.Msat) string { return payee.invoice(t, amount) },
			Balance: func(t *testing.T) payments.Msat { return plenty - payee.sum(t) },
		}
	})
}
