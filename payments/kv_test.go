package payments_test

import (
	"testing"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

func TestMemoryKV(t *testing.T) {
	t.Parallel()
	paymentstest.TestKV(t, func(*testing.T) payments.KV { return payments.NewMemoryKV() })
}
