package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

var raceTests = map[string]func(*testing.T, *handle){
	"one winner per revision": testOneWinner,
	"one winner per id":       testOneDone,
	"counting together":       testCount,
	"refusals hurt nobody":    testRefusalsApart,
	"customers in parallel":   testParallelCustomers,
	"cancelled on the way":    testCancel,
	"one sender per parcel":   testParallelUpdate,
}

// both returns handles for two bots on one store: the same twice if it cannot
// be opened again.
func (h *handle) both(t *testing.T) []nostrbot.Store {
	if h.suite.reopens {
		return []nostrbot.Store{h, h.again(t)}
	}
	return []nostrbot.Store{h, h}
}

// together runs f n times at once and returns the errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	ready := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-ready
			errs[i] = f(i)
		})
	}
	close(ready)
	wg.Wait()
	return errs
}

func testOneWinner(t *testing.T, h *handle) {
	const racers = 8
	stores := h.both(t)
	var want []string
	for rev := range int64(5) {
		errs := together(racers, func(i int) error {
			id := fmt.Sprintf("p%d-%d", rev, i)
			b := replies(alice, start, id)
			b.Rev, b.State, b.Done = rev, []byte(id), []string{"m" + id}
			return stores[i%2].Commit(t.Context(), b)
		})
		winner := -1
		for i, err := range errs {
			if err == nil {
				require.Equal(t, -1, winner, "two won revision %d", rev)
				winner = i
				continue
			}
			require.ErrorIs(t, err, nostrbot.ErrConflict, "revision %d", rev)
			require.Empty(t, load(t, h, alice, start, fmt.Sprintf("mp%d-%d", rev, i)).Done, "a loser left an id")
		}
		require.NotEqual(t, -1, winner, "nobody won revision %d", rev)
		id := fmt.Sprintf("p%d-%d", rev, winner)
		want = append(want, id)
		wantState(t, h, alice, start, rev+1, id)
		require.Equal(t, want, waiting(t, h, alice), "the winners' parcels only")
	}
}

func testOneDone(t *testing.T, h *handle) {
	stores := h.both(t)
	for round := range 5 {
		id := fmt.Sprint("m", round)
		errs := together(8, func(i int) error {
			b := replies(alice, start, fmt.Sprint(id, "-", i))
			b.Done = []string{id}
			return stores[i%2].Commit(t.Context(), b)
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			require.ErrorIs(t, err, nostrbot.ErrDone)
		}
		require.Equal(t, 1, won, "winners of %s", id)
		require.Len(t, waiting(t, h, alice), round+1)
	}
}

func testCount(t *testing.T, h *handle) {
	const racers, raises = 4, 10
	stores := h.both(t)
	errs := together(racers, func(i int) error {
		s := stores[i%2]
		for n := 0; n < raises; {
			id := fmt.Sprintf("%d-%d", i, n)
			c, err := s.Load(t.Context(), alice, start, id)
			if err != nil {
				return err
			}
			sum, _ := strconv.Atoi(string(c.State))
			if int64(sum) != c.Rev {
				return fmt.Errorf("state %d with revision %d", sum, c.Rev)
			}
			b := replies(alice, start, id)
			b.Rev, b.State, b.Done = c.Rev, strconv.AppendInt(nil, int64(sum)+1, 10), []string{id}
			switch err := s.Commit(t.Context(), b); {
			case err == nil:
				n++
			case !errors.Is(err, nostrbot.ErrConflict):
				return err
			}
		}
		return nil
	})
	require.NoError(t, errors.Join(errs...))
	wantState(t, h, alice, start, racers*raises, strconv.Itoa(racers*raises))
	require.Len(t, waiting(t, h, alice), racers*raises)
}

// Batches that are refused run beside ones that are not, perhaps in one
// transaction.
func testRefusalsApart(t *testing.T, h *handle) {
	stores := h.both(t)
	commit(t, h, done(alice, start, "m0"))
	const n = 24
	errs := together(n, func(i int) error {
		b := replies(customer(100+i), start, "p1")
		b.Rev, b.State, b.Done = 0, []byte("one"), []string{"m1"}
		switch i % 4 {
		case 1:
			b.Rev = 7
		case 2:
			b = replies(alice, start, fmt.Sprint("p", i))
			b.Done = []string{fmt.Sprint("m", i), "m0"}
		case 3:
			b.Parcels[0].ID = ""
		}
		return stores[i/4%2].Commit(t.Context(), b)
	})
	for i, err := range errs {
		who := customer(100 + i)
		switch i % 4 {
		case 0:
			require.NoError(t, err)
			wantState(t, h, who, start, 1, "one")
			require.Equal(t, []string{"p1"}, waiting(t, h, who))
			continue
		case 1:
			require.ErrorIs(t, err, nostrbot.ErrConflict)
		case 2:
			require.ErrorIs(t, err, nostrbot.ErrDone)
			wantNoParcel(t, h, alice, fmt.Sprint("p", i))
		case 3:
			require.Error(t, err)
		}
		require.Equal(t, nostrbot.Conversation{}, load(t, h, who, start, "m1"))
		require.Empty(t, waiting(t, h, who))
	}
	require.Equal(t, []string{"m0"}, load(t, h, alice, start, "m0", "m2", "m6").Done)
}

func testParallelCustomers(t *testing.T, h *handle) {
	stores := h.both(t)
	const customers, each = 8, 10
	errs := together(customers, func(i int) error {
		s, who := stores[i%2], customer(50+i)
		for rev := range int64(each) {
			b := replies(who, start, fmt.Sprint("a", rev), fmt.Sprint("b", rev))
			b.Rev, b.State, b.Done = rev, []byte{byte(rev)}, []string{fmt.Sprint("m", rev)}
			if err := s.Commit(t.Context(), b); err != nil {
				return err
			}
			c, err := s.Load(t.Context(), who, start, b.Done...)
			if err != nil {
				return err
			}
			if c.Rev != rev+1 || len(c.Done) != 1 {
				return fmt.Errorf("after the commit of revision %d: revision %d, done %q", rev, c.Rev, c.Done)
			}
		}
		return nil
	})
	require.NoError(t, errors.Join(errs...), "customers must not conflict")
	for i := range customers {
		var want []string
		for rev := range each {
			want = append(want, fmt.Sprint("a", rev), fmt.Sprint("b", rev))
		}
		require.Equal(t, want, waiting(t, h, customer(50+i)))
	}
}

// A context that ends while its commit is under way leaves all or nothing.
func testCancel(t *testing.T, h *handle) {
	const n = 40
	errs := together(n, func(i int) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go cancel() // some time soon
		b := replies(customer(100+i), start, "p1", "p2")
		b.Rev, b.State, b.Done = 0, []byte("one"), []string{"m1", "m2"}
		return h.Commit(ctx, b)
	})
	for i, err := range errs {
		who := customer(100 + i)
		c := load(t, h, who, start, "m1", "m2")
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
		if err == nil || c.Rev != 0 {
			require.Equal(t, nostrbot.Conversation{Rev: 1, State: []byte("one"), Done: []string{"m1", "m2"}}, c)
			require.Equal(t, []string{"p1", "p2"}, waiting(t, h, who))
			continue
		}
		require.Equal(t, nostrbot.Conversation{}, c)
		require.Empty(t, waiting(t, h, who))
		commit(t, h, write(who, start, 0, "two")) // the store lives on
	}
}

// Whoever is first to settle a parcel's fate has the last word.
func testParallelUpdate(t *testing.T, h *handle) {
	stores := h.both(t)
	var ids []string
	for i := range 5 {
		ids = append(ids, fmt.Sprint("p", i))
	}
	commit(t, h, replies(alice, start, ids...))
	for _, id := range ids {
		errs := together(8, func(i int) error {
			p := parcel(alice, id)
			p.State, p.Attempts, p.Event = nostrbot.ParcelSent, i+1, []byte(strconv.Itoa(i+1))
			if i%2 == 1 {
				p.State = nostrbot.ParcelGivenUp
			}
			return stores[i/2%2].Update(t.Context(), p)
		})
		require.NoError(t, errors.Join(errs...), "to be late is no error")
		p := lookup(t, h, alice, id)
		require.Equal(t, strconv.Itoa(p.Attempts), string(p.Event), "one update, whole")
		want := nostrbot.ParcelSent
		if p.Attempts%2 == 0 {
			want = nostrbot.ParcelGivenUp
		}
		require.Equal(t, want, p.State)
	}
	require.Empty(t, pending(t, h))
}
