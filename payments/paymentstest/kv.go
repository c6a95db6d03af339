package paymentstest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

// TestKV runs the contract of [payments.KV]. open returns an empty one; it is
// called once per subtest, and clears up with t.Cleanup. Subtests run in
// parallel.
func TestKV(t *testing.T, open func(t *testing.T) payments.KV) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, payments.KV){
		"absent name":           testAbsent,
		"compare and swap":      testSwap,
		"stale revisions":       testStale,
		"empty value":           testEmptyValue,
		"any bytes":             testAnyBytes,
		"large value":           testLargeValue,
		"no shared memory":      testNoSharedMemory,
		"names are exact":       testNames,
		"list":                  testList,
		"list takes no pattern": testListNoPattern,
		"one winner":            testOneWinner,
		"one creator":           testOneCreator,
		"ended context":         testEndedContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// TestDurableKV runs the contract of a KV that outlives its process or is
// shared by several. open opens the storage named by dir, an empty directory
// of the subtest's own (a store elsewhere takes it as a namespace). It is
// called twice for one dir while the first KV is still in use: that is what a
// second process, or a restart after a crash, looks like.
func TestDurableKV(t *testing.T, open func(t *testing.T, dir string) payments.KV) {
	t.Helper()
	t.Run("opened again", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		first := open(t, dir)
		mustPut(t, first, "a", "1", 0)
		mustPut(t, first, "a", "2", 1)
		second := open(t, dir)
		wantValue(t, second, "a", "2", 2)
		refusePut(t, second, "a", 1)
		mustPut(t, second, "a", "3", 2)
		refusePut(t, first, "a", 2)
		wantValue(t, first, "a", "3", 3)
		mustPut(t, second, "b", "1", 0)
		require.Equal(t, []string{"a", "b"}, list(t, first, ""))
	})
	t.Run("one winner of two processes", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		count(t, open(t, dir), open(t, dir))
	})
}

func testAbsent(t *testing.T, kv payments.KV) {
	value, rev, err := kv.Get(t.Context(), "nobody")
	require.NoError(t, err, "an absent name is no error")
	require.Nil(t, value)
	require.Zero(t, rev)
	require.Empty(t, list(t, kv, ""))
}

func testSwap(t *testing.T, kv payments.KV) {
	mustPut(t, kv, "name", "first", 0)
	wantValue(t, kv, "name", "first", 1)
	mustPut(t, kv, "name", "second", 1)
	wantValue(t, kv, "name", "second", 2)
	mustPut(t, kv, "other", "first", 0)
	wantValue(t, kv, "other", "first", 1)
	wantValue(t, kv, "name", "second", 2)
	mustPut(t, kv, "name", "second", 2)
	wantValue(t, kv, "name", "second", 3) // the same value is a Put too
}

func testStale(t *testing.T, kv payments.KV) {
	for _, rev := range []int64{-1, 1, 2} {
		refusePut(t, kv, "absent", rev)
	}
	require.Empty(t, list(t, kv, ""), "a refused Put leaves no name behind")
	mustPut(t, kv, "name", "one", 0)
	mustPut(t, kv, "name", "two", 1)
	for _, rev := range []int64{-1, 0, 1, 3} {
		refusePut(t, kv, "name", rev)
	}
	wantValue(t, kv, "name", "two", 2)
}

func testEmptyValue(t *testing.T, kv payments.KV) {
	mustPut(t, kv, "name", "", 0)
	wantValue(t, kv, "name", "", 1)
	require.Equal(t, []string{"name"}, list(t, kv, ""))
	ok, err := kv.Put(t.Context(), "nil", nil, 0)
	require.NoError(t, err)
	require.True(t, ok)
	wantValue(t, kv, "nil", "", 1)
	mustPut(t, kv, "nil", "full", 1)
	mustPut(t, kv, "nil", "", 2)
	wantValue(t, kv, "nil", "", 3)
}

func testAnyBytes(t *testing.T, kv payments.KV) {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	mustPut(t, kv, "bytes", string(all), 0)
	wantValue(t, kv, "bytes", string(all), 1)
}

func testLargeValue(t *testing.T, kv payments.KV) {
	large := strings.Repeat("0123456789abcdef", 1<<12)
	mustPut(t, kv, "large", large, 0)
	wantValue(t, kv, "large", large, 1)
}

func testNoSharedMemory(t *testing.T, kv payments.KV) {
	mine := []byte("kept")
	ok, err := kv.Put(t.Context(), "name", mine, 0)
	require.NoError(t, err)
	require.True(t, ok)
	copy(mine, "XXXX")
	wantValue(t, kv, "name", "kept", 1)
	got, _, err := kv.Get(t.Context(), "name")
	require.NoError(t, err)
	copy(got, "XXXX")
	wantValue(t, kv, "name", "kept", 1)
}

// oddNames differ only in what a careless adapter folds together: letter case,
// wildcards, Unicode forms, trailing space, path elements.
var oddNames = []string{
	"a", "A", "a ", " a", "%", "_", "a%", "a_", "ab", "a*", "a?", "a[b]", "[", "\\", "a\\", "a'b", `a"b`, "a;b",
	"a/b", "a/../b", "..", "a\nb", "\u00e9", "e\u0301", "ß", "ss", "日本", "💡", "\U0010ffff", "\U0010ffffa", "a\U0010ffff",
	"0", "00", "1e1", "10", strings.Repeat("n", 200),
}

func testNames(t *testing.T, kv payments.KV) {
	for i, name := range oddNames {
		mustPut(t, kv, name, strconv.Itoa(i), 0)
	}
	for i, name := range oddNames {
		wantValue(t, kv, name, strconv.Itoa(i), 1)
	}
	want := slices.Sorted(slices.Values(oddNames))
	require.Equal(t, want, list(t, kv, ""), "sorted by bytes, all of them")
}

func testList(t *testing.T, kv payments.KV) {
	for _, name := range []string{"b/2", "a/10", "a/1", "b", "a/9", "ab", "B/1"} {
		mustPut(t, kv, name, name, 0)
	}
	require.Equal(t, []string{"B/1", "a/1", "a/10", "a/9", "ab", "b", "b/2"}, list(t, kv, ""))
	require.Equal(t, []string{"a/1", "a/10", "a/9"}, list(t, kv, "a/"))
	require.Equal(t, []string{"a/1", "a/10"}, list(t, kv, "a/1"))
	require.Equal(t, []string{"ab"}, list(t, kv, "ab"))
	require.Empty(t, list(t, kv, "abc"))
	require.Empty(t, list(t, kv, "c"))
}

func testListNoPattern(t *testing.T, kv payments.KV) {
	for _, name := range oddNames {
		mustPut(t, kv, name, "", 0)
	}
	for _, prefix := range append(slices.Clone(oddNames), "%a", "a%b", "__", ".", "n%") {
		var want []string
		for _, name := range slices.Sorted(slices.Values(oddNames)) {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		if len(want) == 0 {
			require.Empty(t, list(t, kv, prefix), "prefix %q", prefix)
			continue
		}
		require.Equal(t, want, list(t, kv, prefix), "prefix %q", prefix)
	}
}

func testOneWinner(t *testing.T, kv payments.KV) { count(t, kv, kv) }

// count lets many writers raise one number by compare-and-swap: no raise is
// lost, and each revision has exactly one winner.
func count(t *testing.T, kvs ...payments.KV) {
	t.Helper()
	const writers, raises = 4, 8
	ctx := t.Context()
	var mu sync.Mutex
	winners := map[int64]int{}
	errs := make(chan error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		kv := kvs[w%len(kvs)]
		wg.Go(func() {
			for done := 0; done < raises; {
				value, rev, err := kv.Get(ctx, "n")
				if err != nil {
					errs <- fmt.Errorf("get: %w", err)
					return
				}
				n := 0
				if rev > 0 {
					if n, err = strconv.Atoi(string(value)); err != nil {
						errs <- fmt.Errorf("value at revision %d: %w", rev, err)
						return
					}
				}
				ok, err := kv.Put(ctx, "n", []byte(strconv.Itoa(n+1)), rev)
				if err != nil {
					errs <- fmt.Errorf("put at revision %d: %w", rev, err)
					return
				}
				if ok {
					done++
					mu.Lock()
					winners[rev]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	wantValue(t, kvs[0], "n", strconv.Itoa(writers*raises), writers*raises)
	require.Len(t, winners, writers*raises)
	for rev, n := range winners {
		require.Equal(t, 1, n, "winners of revision %d", rev)
	}
}

func testOneCreator(t *testing.T, kv payments.KV) {
	const creators = 8
	ctx := t.Context()
	var won atomic.Int32
	errs := make([]error, creators)
	var wg sync.WaitGroup
	for i := range creators {
		wg.Go(func() {
			var ok bool
			if ok, errs[i] = kv.Put(ctx, "new", []byte("made"), 0); ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err, "to be late is no error")
	}
	require.EqualValues(t, 1, won.Load(), "creators of one name")
	wantValue(t, kv, "new", "made", 1)
}

func testEndedContext(t *testing.T, kv payments.KV) {
	mustPut(t, kv, "name", "value", 0)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := kv.Get(ended, "name")
	require.Error(t, err, "Get")
	_, err = kv.List(ended, "")
	require.Error(t, err, "List")
	ok, err := kv.Put(ended, "name", []byte("late"), 1)
	require.Error(t, err, "Put")
	require.False(t, ok)
	_, rev, err := kv.Get(t.Context(), "name")
	require.NoError(t, err, "the store lives on")
	mustPut(t, kv, "name", "next", rev)
}

func mustPut(t *testing.T, kv payments.KV, name, value string, rev int64) {
	t.Helper()
	ok, err := kv.Put(t.Context(), name, []byte(value), rev)
	require.NoError(t, err, "put %q at revision %d", name, rev)
	require.True(t, ok, "put %q at revision %d", name, rev)
}

func refusePut(t *testing.T, kv payments.KV, name string, rev int64) {
	t.Helper()
	ok, err := kv.Put(t.Context(), name, []byte("stale"), rev)
	require.NoError(t, err, "to be late is no error: put %q at revision %d", name, rev)
	require.False(t, ok, "put %q at revision %d", name, rev)
}

func wantValue(t *testing.T, kv payments.KV, name, value string, rev int64) {
	t.Helper()
	got, gotRev, err := kv.Get(t.Context(), name)
	require.NoError(t, err, "get %q", name)
	require.Equal(t, value, string(got), "value of %q", name)
	require.Equal(t, rev, gotRev, "revision of %q", name)
}

func list(t *testing.T, kv payments.KV, prefix string) []string {
	t.Helper()
	names, err := kv.List(t.Context(), prefix)
	require.NoError(t, err, "list %q", prefix)
	return names
}
