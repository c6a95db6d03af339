package dm_test

import (
	"context"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/nostrbot/dm"
)

// Where somebody reads is what they signed, and nothing else.
func ExampleOpenRelayList() {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	customer := dm.Nsec(customerKey)
	event := dm.RelayList{Kind: dm.KindInboxRelays, At: now, Read: []string{"wss://inbox.example", "not a relay"}}.Event()
	if err := customer.Sign(context.Background(), event); err != nil {
		fmt.Println(err)
		return
	}
	list, err := dm.OpenRelayList(event, now)
	fmt.Println(list.Read, err)
	event.Tags[0][1] = "wss://evil.example"
	_, err = dm.OpenRelayList(event, now)
	fmt.Println(err)
	// Output:
	// [wss://inbox.example] <nil>
	// dm: relay list: forged: id of the list
}

// A long text leaves in numbered parts, cut at the ends of lines.
func ExampleSplit() {
	menu := "espresso, 900 sat\nlatte, 1200 sat\nflat white, 1300 sat\n" +
		"flat white with oat milk, 1500 sat\nwater, free\n"
	for _, part := range dm.Split(menu, 100) {
		fmt.Println(part)
	}
	// Output:
	// (1/2)
	// espresso, 900 sat
	// latte, 1200 sat
	// flat white, 1300 sat
	//
	// (2/2)
	// flat white with oat milk, 1500 sat
	// water, free
}
