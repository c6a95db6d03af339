package devrelay_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/devrelay"
)

func Example() {
	relay, err := devrelay.Start("127.0.0.1:0", devrelay.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer relay.Close()

	ev := nostr.Event{Kind: 1, Content: "hello", CreatedAt: nostr.Now()}
	if err := ev.Sign(nostr.GeneratePrivateKey()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(relay.Publish(&ev))
	fmt.Println(relay.Events()[0].Content)
	// Output:
	// <nil>
	// hello
}

// A fault is switched on, the code under test runs into it, and Wait tells
// when it has.
func ExampleFaults() {
	relay, err := devrelay.Start("127.0.0.1:0", devrelay.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer relay.Close()
	relay.Faults.RefuseNextREQs(1, "error: shutting down")

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = relay.Wait(ctx, devrelay.REQ, 1) // nobody connects here
	fmt.Println(err)
	// Output:
	// wait for REQ number 1, have 0: context deadline exceeded
}
