package lntest_test

import (
	"testing"
	"time"

	"github.com/dmshop/dmshop/internal/lntest"
)

func TestMain(m *testing.M) { lntest.Main(m) }

func TestPay(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	n.Customer.Pay(t, n.Shop.Invoice(t, 1_500_000, time.Hour))
	n.Shop.Pay(t, n.Far.Invoice(t, 1_500_000, time.Hour))
	n.Far.Pay(t, n.Shop.Invoice(t, 1_500_000, time.Hour))
}

func TestKillAndRestart(t *testing.T) {
	n := lntest.Start(t)
	for range 2 {
		n.Shop.Kill(t)
		n.Shop.Restart(t)
		n.Customer.Pay(t, n.Shop.Invoice(t, 1_500_000, time.Hour))
	}
	n.Mine(t, 3)
}
