package nostrbot

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// leases is a double of a Claimer: it goes by the clock of the test's bubble,
// where every question takes a moment.
type leases struct {
	Store
	mu              sync.Mutex
	held            map[PubKey]lease
	asked, released int
	fail            error
}

type lease struct {
	holder string
	until  time.Time
}

const moment = 5 * time.Millisecond

func (l *leases) Claim(ctx context.Context, customer PubKey, holder string, d time.Duration) (time.Duration, error) {
	time.Sleep(moment)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if l.fail != nil {
		return 0, l.fail
	}
	if had := l.held[customer]; had.holder != holder && time.Until(had.until) > 0 {
		return time.Until(had.until), nil
	}
	l.held[customer] = lease{holder, time.Now().Add(d)}
	return 0, nil
}

func (l *leases) Release(ctx context.Context, customer PubKey, holder string) error {
	time.Sleep(moment)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released++
	if l.held[customer].holder == holder {
		delete(l.held, customer)
	}
	return l.fail
}

// asks are how often Claim and Release were called.
func (l *leases) asks() (claims, releases int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked, l.released
}

// free tells whether nobody has a customer.
func (l *leases) free(customer PubKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.held[customer].until) <= 0
}

const leaseTime = 10 * time.Second

var claimed = PubKey{0xa1}

// claimsOn are those of one process, and how they end.
func claimsOn(t *testing.T, store *leases) (c *claims, stop func(patience time.Duration)) {
	t.Helper()
	b := &Bot{cfg: Config{Lease: leaseTime, Clock: machineClock{}}, store: store, log: slog.New(slog.DiscardHandler)}
	b.outbox.init(b)
	b.claims.init(b)
	ctx, cancel := context.WithCancel(context.Background())
	b.outbox.run(ctx)
	b.claims.run(ctx)
	stop = func(patience time.Duration) { cancel(); b.outbox.wait(); b.claims.close(patience) }
	t.Cleanup(func() { stop(0) })
	return &b.claims, stop
}

func newLeases() *leases { return &leases{Store: NewMemory(), held: map[PubKey]lease{}} }

func mustTake(t *testing.T, c *claims) (wait time.Duration) {
	t.Helper()
	wait, err := c.take(t.Context(), claimed)
	require.NoError(t, err)
	return wait
}

func TestClaims_KeptWhileThereIsWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newLeases()
		one, _ := claimsOn(t, store)
		two, _ := claimsOn(t, store)
		require.Zero(t, mustTake(t, one))
		for range 600 { // a handler that takes a minute
			time.Sleep(100 * time.Millisecond)
			wait := mustTake(t, two)
			require.Positive(t, wait, "another got it")
			require.LessOrEqual(t, wait, leaseTime)
		}
		one.put(claimed)
		time.Sleep(2*time.Second + 2*moment)
		require.Zero(t, mustTake(t, two), "given back soon after")
		require.Positive(t, mustTake(t, one))
		two.put(claimed)
	})
}

// A customer who writes again and again costs a question now and then, not two
// for each message.
func TestClaims_CheapForWhoIsBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newLeases()
		c, _ := claimsOn(t, store)
		for range 1000 { // in 100 seconds, by two users
			require.Zero(t, mustTake(t, c))
			require.Zero(t, mustTake(t, c))
			time.Sleep(50 * time.Millisecond)
			c.put(claimed)
			c.put(claimed)
			time.Sleep(50 * time.Millisecond)
		}
		asked, released := store.asks()
		require.LessOrEqual(t, asked, 1+100/3)
		require.Zero(t, released)
	})
}

func TestClaims_TheDeadAreSucceeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newLeases()
		one, stop := claimsOn(t, store)
		two, _ := claimsOn(t, store)
		require.Zero(t, mustTake(t, one))
		stop(0) // as if killed: nothing is given back
		began := time.Now()
		for wait := time.Duration(1); wait > 0; time.Sleep(wait) {
			wait = mustTake(t, two)
		}
		require.LessOrEqual(t, time.Since(began), leaseTime+2*moment)
		two.put(claimed)
	})
}

// A process that was paused for longer than its lease knows that it lost the
// customer, and asks again before the next message.
func TestClaims_ThePausedAskAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newLeases()
		one, _ := claimsOn(t, store)
		require.Zero(t, mustTake(t, one))
		store.mu.Lock()
		store.held[claimed] = lease{"another", time.Now().Add(time.Minute)}
		store.mu.Unlock()
		time.Sleep(leaseTime) // long enough to have wanted to prolong
		require.Positive(t, mustTake(t, one))
		one.put(claimed)
		require.Positive(t, mustTake(t, one))
		time.Sleep(time.Minute)
		require.Zero(t, mustTake(t, one))
		one.put(claimed)
	})
}

func TestClaims_GivenBackAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newLeases()
		c, stop := claimsOn(t, store)
		require.Zero(t, mustTake(t, c))
		c.put(claimed)
		stop(time.Second)
		require.True(t, store.free(claimed))
		_, released := store.asks()
		require.Equal(t, 1, released)
	})
}

// Who comes while the claim is being given back does not end up without one.
func TestClaims_TakenWhileGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newLeases()
		c, stop := claimsOn(t, store)
		stop(0) // the test looks after the claims itself
		require.Zero(t, mustTake(t, c))
		c.put(claimed)
		time.Sleep(time.Second)
		go c.tend(t.Context())
		time.Sleep(moment / 2) // on its way
		require.Zero(t, mustTake(t, c))
		time.Sleep(2 * moment)
		require.False(t, store.free(claimed))
		claims, releases := store.asks()
		require.Equal(t, []int{2, 1}, []int{claims, releases})
		c.put(claimed)
	})
}

func TestClaims_StoreFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newLeases()
		store.fail = errors.New("no connection")
		c, _ := claimsOn(t, store)
		_, err := c.take(t.Context(), claimed)
		require.ErrorIs(t, err, store.fail)
		require.Empty(t, c.held)
		store.mu.Lock()
		store.fail = nil
		store.mu.Unlock()
		require.Zero(t, mustTake(t, c))

		store.mu.Lock()
		store.fail = errors.New("gone again")
		store.mu.Unlock()
		time.Sleep(leaseTime / 2) // could not be prolonged, but is ours yet
		require.Zero(t, mustTake(t, c))
		time.Sleep(leaseTime / 2)
		_, err = c.take(t.Context(), claimed)
		require.ErrorIs(t, err, store.fail)
		c.put(claimed)
		c.put(claimed)
	})
}

// Without a Claimer nothing is asked and everybody is ours.
func TestClaims_None(t *testing.T) {
	t.Parallel()
	b := &Bot{store: NewMemory()}
	b.claims.init(b)
	b.claims.run(t.Context())
	wait, err := b.claims.take(t.Context(), claimed)
	require.NoError(t, err)
	require.Zero(t, wait)
	b.claims.put(claimed)
	b.claims.close(time.Second)
}
