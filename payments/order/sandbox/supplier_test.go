package sandbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/order/sandbox"
)

var item = payments.Item{SKU: "vodafone-romania", Value: "5", Recipient: "+40712345678"}

func TestSupplier_DeliversOnce(t *testing.T) {
	t.Parallel()
	ctx, kv := t.Context(), payments.NewMemoryKV()
	s := sandbox.New(kv, sandbox.Faults{})
	p, err := s.Prepare(ctx, "k", item)
	require.NoError(t, err)
	require.Equal(t, payments.Prepared, p.State)
	n, err := s.Deliveries(ctx, p.Ref)
	require.NoError(t, err)
	require.Zero(t, n, "prepare delivers nothing")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			p, err := sandbox.New(kv, sandbox.Faults{}).Commit(ctx, p.Ref)
			if err != nil || p.State != payments.Delivered {
				t.Errorf("commit: %v, %v", p.State, err)
			}
		})
	}
	wg.Wait()
	n, err = s.Deliveries(ctx, p.Ref)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	again, err := s.Prepare(ctx, "k", item)
	require.NoError(t, err)
	require.Equal(t, payments.Delivered, again.State, "the same purchase, not a new one")
}

func TestSupplier_Refuses(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := sandbox.New(payments.NewMemoryKV(), sandbox.Faults{Refuse: true})
	_, err := s.Prepare(ctx, "k", item)
	require.NoError(t, err)
	for range 2 {
		p, err := s.Commit(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, payments.Failed, p.State)
		require.NotEmpty(t, p.Reason)
	}
	n, err := s.Deliveries(ctx, "k")
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestSupplier_LostAnswerIsUnknownAndFound(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := sandbox.New(payments.NewMemoryKV(), sandbox.Faults{LoseAnswer: func(string) bool { return true }})
	_, err := s.Prepare(ctx, "k", item)
	require.NoError(t, err)
	_, err = s.Commit(ctx, "k")
	require.Error(t, err)
	require.False(t, payments.MayRepeat(err))
	p, err := s.Lookup(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, payments.Delivered, p.State)
}

func TestSupplier_Errors(t *testing.T) {
	t.Parallel()
	ctx, kv := t.Context(), payments.NewMemoryKV()
	s := sandbox.New(kv, sandbox.Faults{})
	_, err := s.Prepare(ctx, "", item)
	require.ErrorIs(t, err, payments.ErrInvalid)
	_, err = s.Prepare(ctx, "k", payments.Item{SKU: "x"})
	require.ErrorIs(t, err, payments.ErrInvalid)
	_, err = s.Lookup(ctx, "unknown")
	require.ErrorIs(t, err, payments.ErrNotFound)
	_, err = s.Commit(ctx, "unknown")
	require.ErrorIs(t, err, payments.ErrNotFound)
	_, err = s.Prepare(ctx, "k", item)
	require.NoError(t, err)
	other := item
	other.Value = "10"
	_, err = s.Prepare(ctx, "k", other)
	require.ErrorIs(t, err, payments.ErrConflict)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.Lookup(cancelled, "k")
	require.ErrorIs(t, err, payments.ErrUnavailable)
	raw, _, err := kv.Get(ctx, "supplier/k")
	require.NoError(t, err)
	require.NotContains(t, string(raw), item.Recipient, "nobody's number is kept")
}

func ExampleSupplier() {
	ctx := context.Background()
	s := sandbox.New(payments.NewMemoryKV(), sandbox.Faults{})
	p, _ := s.Prepare(ctx, "order-1", payments.Item{SKU: "vodafone-romania", Value: "5", Recipient: "+40712345678"})
	fmt.Println(p.State)
	p, _ = s.Commit(ctx, p.Ref)
	fmt.Println(p.State)
	// Output:
	// prepared
	// delivered
}
