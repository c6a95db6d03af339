package relay_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestPool_SaysWhenAllThatWasKeptIsDelivered(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	const kept = 250 // three pages
	for i := range kept {
		require.NoError(t, r.Publish(signed(t, nostr.Event{
			Kind: 1059, Content: fmt.Sprint(i), CreatedAt: nostr.Now() - nostr.Timestamp(i), Tags: nostr.Tags{{"p", me}},
		})))
	}
	seen := map[string]bool{} // by Deliver's goroutine alone
	caughtUp := make(chan int, 10)
	b := startPool(t, relay.Config{
		URLs: []string{r.URL()}, Timing: quick, Filters: everyMine,
		Deliver:    func(_ context.Context, d relay.Delivery) { seen[d.Event.ID] = true },
		OnCaughtUp: func(_ context.Context, url string) { require.Equal(t, r.URL(), url); caughtUp <- len(seen) },
	})
	require.Equal(t, kept, <-caughtUp)

	// And again after each fresh REQ: all of it is delivered once more.
	b.Refresh()
	require.Equal(t, kept, <-caughtUp)
	r.Faults.CloseSubscriptions("error: restarting")
	require.Equal(t, kept, <-caughtUp)
}

// Dates are whole seconds: more events of one second than a page holds are
// fetched all the same, and so is what is older.
func TestPool_FetchesManyEventsOfOneSecond(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	const together, older = 700, 30
	now := nostr.Now()
	for i := range together + older {
		at := now
		if i >= together {
			at = now - nostr.Timestamp(i)
		}
		require.NoError(t, r.Publish(signed(t, nostr.Event{
			Kind: 1059, Content: fmt.Sprint(i), CreatedAt: at, Tags: nostr.Tags{{"p", me}},
		})))
	}
	seen := map[string]bool{}
	caughtUp := make(chan int, 10)
	startPool(t, relay.Config{
		URLs: []string{r.URL()}, Timing: quick, Filters: everyMine,
		Deliver:    func(_ context.Context, d relay.Delivery) { seen[d.Event.ID] = true },
		OnCaughtUp: func(context.Context, string) { caughtUp <- len(seen) },
	})
	require.Equal(t, together+older, <-caughtUp)
}
