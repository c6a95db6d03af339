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
