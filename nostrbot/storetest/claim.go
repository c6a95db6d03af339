package storetest

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// claimTests are for stores that are a nostrbot.Claimer, too. What they know of
// the store's clock is what Claim tells them.
var claimTests = map[string]func(*testing.T, *handle){
	"claim":                    testClaim,
	"claim, customers apart":   testClaimCustomers,
	"claim released":           testRelease,
	"claim ends with its time": testClaimEnds,
	"claim prolonged":          testClaimProlonged,
	"one holder":               testOneHolder,
	"claim does not commit":    testClaimCommit,
	"bad claim":                testBadClaim,
}

const (
	lease = time.Hour             // longer than the test
	short = 50 * time.Millisecond // to be waited for
)

func (h *handle) claimer(t *testing.T) nostrbot.Claimer {
	t.Helper()
	c, ok := h.Store.(nostrbot.Claimer)
	if !ok {
		t.Skip("the store is no Claimer")
	}
	return c
}

func claim(t *testing.T, c nostrbot.Claimer, who nostrbot.PubKey, holder string, lease time.Duration) (wait time.Duration) {
	t.Helper()
	wait, err := c.Claim(t.Context(), who, holder, lease)
	require.NoError(t, err, "claim for %s", holder)
	return wait
}

func release(t *testing.T, c nostrbot.Claimer, who nostrbot.PubKey, holder string) {
	t.Helper()
	require.NoError(t, c.Release(t.Context(), who, holder), "release for %s", holder)
}

// refused checks that holder does not get the claim now.
func refused(t *testing.T, c nostrbot.Claimer, who nostrbot.PubKey, holder string, most time.Duration) time.Duration {
	t.Helper()
	wait := claim(t, c, who, holder, lease)
	require.Positive(t, wait, "%s got what another has", holder)
	require.LessOrEqual(t, wait, most)
	return wait
}

func testClaim(t *testing.T, h *handle) {
	c := h.claimer(t)
	require.Zero(t, claim(t, c, alice, "one", lease))
	require.Zero(t, claim(t, c, alice, "one", lease), "the holder may ask again")
	refused(t, c, alice, "two", lease)
	refused(t, c, alice, "on", lease)
	refused(t, c, alice, "one ", lease)
	require.Zero(t, claim(t, c, alice, "one", lease))
	if h.suite.reopens { // another process sees it
		other := h.again(t).claimer(t)
		refused(t, other, alice, "two", lease)
		require.Zero(t, claim(t, other, alice, "one", lease))
	}
}

func testClaimCustomers(t *testing.T, h *handle) {
	c := h.claimer(t)
	require.Zero(t, claim(t, c, alice, "one", lease))
	require.Zero(t, claim(t, c, bob, "two", lease))
	refused(t, c, alice, "two", lease)
	refused(t, c, bob, "one", lease)
	release(t, c, bob, "two")
	refused(t, c, alice, "two", lease)
	require.Zero(t, claim(t, c, bob, "one", lease))
}

func testRelease(t *testing.T, h *handle) {
	c := h.claimer(t)
	release(t, c, alice, "one") // which nobody has
	require.Zero(t, claim(t, c, alice, "one", lease))
	release(t, c, alice, "two") // is not two's to give back
	refused(t, c, alice, "two", lease)
	release(t, c, alice, "one")
	require.Zero(t, claim(t, c, alice, "two", lease))
	release(t, c, alice, "one") // late
	refused(t, c, alice, "one", lease)
}

// await claims as often as it is told to wait, and says how often that was.
func await(t *testing.T, c nostrbot.Claimer, who nostrbot.PubKey, holder string) (refusals int) {
	t.Helper()
	for ; ; refusals++ {
		require.Less(t, refusals, 100, "the claim never ends")
		wait := claim(t, c, who, holder, lease)
		if wait == 0 {
			return refusals
		}
		<-time.After(wait)
	}
}

func testClaimEnds(t *testing.T, h *handle) {
	c := h.claimer(t)
	require.Zero(t, claim(t, c, alice, "one", short))
	require.Positive(t, await(t, c, alice, "two"), "the lease was kept")
	refused(t, c, alice, "one", lease)
	release(t, c, alice, "one") // of a paused process that comes back
	refused(t, c, alice, "one", lease)
}

func testClaimProlonged(t *testing.T, h *handle) {
	c := h.claimer(t)
	require.Zero(t, claim(t, c, alice, "one", short))
	require.Zero(t, claim(t, c, bob, "one", short))
	require.Zero(t, claim(t, c, alice, "one", lease))
	await(t, c, bob, "two") // alice's first lease is over, too
	wait := refused(t, c, alice, "two", lease)
	require.Greater(t, wait, lease/2)
	require.Zero(t, claim(t, c, alice, "one", time.Millisecond), "the new lease counts, also when it is shorter")
	await(t, c, alice, "two")
}

func testOneHolder(t *testing.T, h *handle) {
	claimers := []nostrbot.Claimer{h.claimer(t), h.claimer(t)}
	if h.suite.reopens {
		claimers[1] = h.again(t).claimer(t)
	}
	for i := range 5 {
		who := customer(10 + i)
		got := make([]bool, 8)
		errs := together(len(got), func(i int) error {
			wait, err := claimers[i%2].Claim(t.Context(), who, fmt.Sprint("holder ", i), lease)
			got[i] = err == nil && wait == 0
			return err
		})
		winners := 0
		for i, err := range errs {
			require.NoError(t, err)
			if got[i] {
				winners++
				require.Zero(t, claim(t, claimers[0], who, fmt.Sprint("holder ", i), lease))
			}
		}
		require.Equal(t, 1, winners)
	}
}

// The claim saves work; what keeps the outcome right is the revision.
func testClaimCommit(t *testing.T, h *handle) {
	c := h.claimer(t)
	require.Zero(t, claim(t, c, alice, "one", lease))
	commit(t, h, write(alice, start, 0, "two's"))
	require.ErrorIs(t, h.Commit(t.Context(), write(alice, start, 0, "one's")), nostrbot.ErrConflict)
	refused(t, c, alice, "two", lease)
}

func testBadClaim(t *testing.T, h *handle) {
	c := h.claimer(t)
	_, err := c.Claim(t.Context(), alice, "", lease)
	require.Error(t, err, "no holder")
	for _, d := range []time.Duration{0, -time.Second, time.Microsecond} {
		_, err = c.Claim(t.Context(), alice, "one", d)
		require.Error(t, err, "lease %v", d)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Claim(ended, alice, "one", lease)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, c.Release(ended, alice, "one"), context.Canceled)
	require.Zero(t, claim(t, c, alice, "two", lease), "nobody has it")
	closer, ok := h.Store.(io.Closer)
	if !ok {
		return
	}
	require.NoError(t, closer.Close())
	_, err = c.Claim(t.Context(), alice, "two", lease)
	require.ErrorIs(t, err, nostrbot.ErrStoreClosed)
	require.ErrorIs(t, c.Release(t.Context(), alice, "two"), nostrbot.ErrStoreClosed)
}
