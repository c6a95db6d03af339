package sqlitestore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
	"github.com/dmshop/dmshop/nostrbot/storetest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		child(role, os.Getenv(childFile))
		return
	}
	goleak.VerifyTestMain(m)
}

var _ payments.KV = (*sqlitestore.Store)(nil)

func open(t testing.TB, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	storetest.Run(t, func(t *testing.T, name string) nostrbot.Store {
		s, err := sqlitestore.Open(filepath.Join(dir, name+".db"))
		require.NoError(t, err)
		return s
	}, storetest.Reopens)
}

func TestKV(t *testing.T) {
	t.Parallel()
	paymentstest.TestKV(t, func(t *testing.T) payments.KV {
		return open(t, filepath.Join(t.TempDir(), "kv.db"))
	})
	paymentstest.TestDurableKV(t, func(t *testing.T, dir string) payments.KV {
		return open(t, filepath.Join(dir, "kv.db"))
	})
}

func TestKV_Names(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "kv.db"))
	_, err := s.Put(t.Context(), "", []byte("x"), 0)
	require.ErrorContains(t, err, "name is empty")
	for _, name := range []string{"a\xff", "a\xff\xff", "b", "\xff", "\xff\xffz", "a\xfe", "x\x00", "x\x00y"} {
		ok, err := s.Put(t.Context(), name, nil, 0)
		require.NoError(t, err)
		require.True(t, ok)
		value, rev, err := s.Get(t.Context(), name)
		require.NoError(t, err)
		require.EqualValues(t, 1, rev)
		require.Equal(t, []byte{}, value, "there, and empty")
	}
	for prefix, want := range map[string][]string{
		"a\xff": {"a\xff", "a\xff\xff"}, "a": {"a\xfe", "a\xff", "a\xff\xff"},
		"\xff": {"\xff", "\xff\xffz"}, "\xff\xff": {"\xff\xffz"}, "x\x00": {"x\x00", "x\x00y"},
	} {
		names, err := s.List(t.Context(), prefix)
		require.NoError(t, err)
		require.Equal(t, want, names, "prefix %q", prefix)
	}
}

func TestKV_Nil(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "kv.db"))
	for rev := range int64(3) { // nil over nothing, over nil, over something
		ok, err := s.Put(t.Context(), "a", nil, rev)
		require.NoError(t, err)
		require.True(t, ok)
	}
	value, rev, err := s.Get(t.Context(), "a")
	require.NoError(t, err)
	require.EqualValues(t, 3, rev)
	require.Equal(t, []byte{}, value)
}

func TestKV_Closed(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "kv.db"))
	require.NoError(t, s.Close())
	_, _, err := s.Get(t.Context(), "a")
	require.ErrorIs(t, err, nostrbot.ErrStoreClosed)
	_, err = s.Put(t.Context(), "a", nil, 0)
	require.ErrorIs(t, err, nostrbot.ErrStoreClosed)
	_, err = s.List(t.Context(), "")
	require.ErrorIs(t, err, nostrbot.ErrStoreClosed)
}

// One file keeps the bot's conversations and the till's values.
func Example() {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, ctx, alice := filepath.Join(dir, "shop.db"), context.Background(), nostrbot.PubKey{0xa1}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

	store, err := sqlitestore.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Commit(ctx, nostrbot.Batch{
		Customer: alice, State: []byte(`{"step":"pay"}`), Done: []string{"message-1"}, Now: now,
	}))
	fmt.Println(store.Put(ctx, "till/invoice-1", []byte("open"), 0))
	fmt.Println(store.Close())

	store, err = sqlitestore.Open(path) // the next morning
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	conv, err := store.Load(ctx, alice, now.Add(8*time.Hour), "message-1", "message-2")
	fmt.Println(string(conv.State), conv.Rev, conv.Done, err)
	fmt.Println(store.List(ctx, "till/"))
	// Output:
	// <nil>
	// true <nil>
	// <nil>
	// {"step":"pay"} 1 [message-1] <nil>
	// [till/invoice-1] <nil>
}

// batch is what handling one message usually writes.
func batch(customer nostrbot.PubKey, rev int64) nostrbot.Batch {
	id := fmt.Sprintf("%064d", rev+1)
	return nostrbot.Batch{
		Customer: customer, Rev: rev, State: make([]byte, 400), Done: []string{id},
		Parcels: []nostrbot.Parcel{{
			ID: id, To: customer, Via: nostrbot.NIP17, Event: make([]byte, 1800), Rumor: make([]byte, 500),
			Relays: []string{"wss://relay.example"},
		}},
		Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func BenchmarkCommit(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "bench.db"))
	rev := int64(0)
	for b.Loop() {
		if err := s.Commit(b.Context(), batch(nostrbot.PubKey{1}, rev)); err != nil {
			b.Fatal(err)
		}
		rev++
	}
}

// BenchmarkCommitParallel is many customers at once: they share fsyncs.
func BenchmarkCommitParallel(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "bench.db"))
	var customers atomic.Int32
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		n := customers.Add(1)
		customer := nostrbot.PubKey{byte(n >> 8), byte(n), 1}
		for rev := int64(0); pb.Next(); rev++ {
			if err := s.Commit(b.Context(), batch(customer, rev)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
