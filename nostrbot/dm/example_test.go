package dm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/nbd-wtf/go-nostr"
)

// Keys for examples; a real one comes from GenerateKey and stays secret.
const (
	customerKey = "0000000000000000000000000000000000000000000000000000000000000003"
	shopKey     = "0000000000000000000000000000000000000000000000000000000000000005"
)

// A customer's message, from sealing to opening. What lies between the two is
// a relay.
func Example() {
	ctx, now := context.Background(), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	customer, shop := dm.Nsec(customerKey), dm.Nsec(shopKey)
	to, err := shop.PubKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed, err := dm.Seal(ctx, customer, dm.Draft{To: to, Text: "an espresso, please", Via: dm.NIP17, At: now})
	if err != nil {
		fmt.Println(err)
		return
	}

	var event nostr.Event
	if err := json.Unmarshal(sealed.Event, &event); err != nil {
		fmt.Println(err)
		return
	}
	m, err := dm.Open(ctx, shop, &event, now.Add(time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.From.Npub())
	fmt.Println(m.SentAt.Format(time.TimeOnly), m.Via, m.Text)
	fmt.Println(m.ID == sealed.ID, m.EventID == event.ID)
	// Output:
	// npub1lycg5qvjtrp3qjf5f7zl382j9x6nrjz9sdhenvyxq8c3808qxmus6gq266
	// 12:00:00 nip17 an espresso, please
	// true true
}

// A refusal says that the event is bad for good; any other error is the
// signer's.
func ExampleOpen_refused() {
	ctx, now := context.Background(), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	note := &nostr.Event{Kind: nostr.KindTextNote, Content: "good morning"}
	_, err := dm.Open(ctx, dm.Nsec(shopKey), note, now)
	fmt.Println(err)
	fmt.Println(errors.Is(err, dm.ErrKind), errors.Is(err, dm.ErrRefused))

	_, err = dm.Open(ctx, dm.Nsec("hunter2"), note, now)
	fmt.Println(err)
	fmt.Println(errors.Is(err, dm.ErrRefused))
	// Output:
	// dm: open: not a direct message: event of kind 1
	// true true
	// dm: open: not a secret key: want nsec1... or 64 hex digits
	// false
}

// A key shows its public half, however it is printed.
func ExampleNsec() {
	fmt.Printf("%+v\n", dm.Nsec(shopKey))
	// Output:
	// key of npub1979aung6qusfx4d55ujs5hz39r5ghp9am3se4d7t4r2knvjqaljqevzcrp
}

// A relay finds the first wrap too old; the customer will see one message.
func ExampleWrap() {
	ctx, now := context.Background(), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	shop := dm.Nsec(shopKey)
	to, err := dm.Nsec(customerKey).PubKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed, err := dm.Seal(ctx, shop, dm.Draft{To: to, Text: "your espresso is ready", Via: dm.NIP17, At: now})
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := dm.Wrap(ctx, shop, to, sealed.Rumor, now.Add(72*time.Hour))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range [][]byte{sealed.Event, again} {
		var event nostr.Event
		if err := json.Unmarshal(b, &event); err != nil {
			fmt.Println(err)
			return
		}
		m, err := dm.Open(ctx, dm.Nsec(customerKey), &event, now.Add(72*time.Hour))
		fmt.Println(m.ID == sealed.ID, m.Text, err)
	}
	// Output:
	// true your espresso is ready <nil>
	// true your espresso is ready <nil>
}

// Ask for the inbox anew each time that a subscription begins.
func ExampleInbox() {
	me, err := dm.Nsec(shopKey).PubKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range dm.Inbox(me, time.Unix(1_800_000_000, 0)) {
		fmt.Println(f)
	}
	// Output:
	// {"kinds":[1059],"since":1799826300,"#p":["2f8bde4d1a07209355b4a7250a5c5128e88b84bddc619ab7cba8d569b240efe4"]}
	// {"kinds":[4],"since":1799827200,"#p":["2f8bde4d1a07209355b4a7250a5c5128e88b84bddc619ab7cba8d569b240efe4"]}
}
