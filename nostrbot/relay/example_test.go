package relay_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

// A pool listens to its relays and publishes to them.
func Example() {
	server, err := devrelay.Start("127.0.0.1:0", devrelay.Options{}) // stands for wss://relay.example
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	heard := make(chan string)
	pool, err := relay.New(relay.Config{
		URLs: []string{server.URL()},
		Filters: func(now time.Time) []nostr.Filter {
			since := nostr.Timestamp(now.Add(-time.Hour).Unix())
			return []nostr.Filter{{Kinds: []int{1}, Since: &since}}
		},
		Deliver: func(ctx context.Context, d relay.Delivery) { heard <- d.Event.Content },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { _ = pool.Run(ctx) })

	note := nostr.Event{Kind: 1, Content: "hello", CreatedAt: nostr.Now()}
	if err := note.Sign(nostr.GeneratePrivateKey()); err != nil {
		fmt.Println(err)
		return
	}
	event, _ := note.MarshalJSON()
	for _, verdict := range pool.Publish(ctx, event) {
		fmt.Println(verdict.Status)
	}
	fmt.Println(<-heard)
	// Output:
	// accepted
	// hello
}

// What a refusal means for the next attempt.
func ExampleVerdict() {
	v := relay.Verdict{Status: relay.Pow, Reason: "pow: difficulty 20 is less than 24"}
	fmt.Println(v.Delivered(), v.Final(), v.Difficulty())
	v = relay.Verdict{Status: relay.Refused, Reason: "invalid: created_at too far in the past"}
	fmt.Println(v.Delivered(), v.Final(), v.DateRefused())
	// Output:
	// false false 24
	// false true true
}
