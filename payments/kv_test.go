package payments_test

import (
	"sync"
	"testing"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

func TestMemoryKV(t *testing.T) {
	t.Parallel()
	paymentstest.TestKV(t, func(*testing.T) payments.KV { return payments.NewMemoryKV() })
}

// One KV by many names: what a shared storage looks like.
func TestMemoryKV_Shared(t *testing.T) {
	t.Parallel()
	var shared sync.Map
	paymentstest.TestDurableKV(t, func(_ *testing.T, dir string) payments.KV {
		kv, _ := shared.LoadOrStore(dir, payments.NewMemoryKV())
		return kv.(payments.KV)
	})
}
