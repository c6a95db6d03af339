package nostrbot_test

import (
	"context"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// A message that nobody asked for is named by a key: whoever is not sure that
// it was sent sends it again. What is said in secret leaves nothing readable
// behind.
func ExampleBot_Send() {
	ctx, bot, customer := context.Background(), exampleBot(), nostrbot.PubKey{31: 1}
	for range 2 {
		if err := bot.Send(ctx, customer, "your voucher: 1234", "voucher-17", nostrbot.Secret(), nostrbot.ExpiresIn(24*time.Hour)); err != nil {
			fmt.Println(err)
			return
		}
	}
	d, err := bot.Delivery(ctx, customer, "voucher-17")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.State, len(d.Copies), d.Copies[0].Via) // it leaves when the bot runs
	// Output: pending 1 nip17
}

// Before anything is sent, one can ask how a customer is reached.
func ExampleBot_Peer() {
	peer, err := exampleBot().Peer(context.Background(), nostrbot.PubKey{31: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("last wrote by %q, lists unreadable: %v", peer.Via, peer.Unreadable)
	// Output: last wrote by "", lists unreadable: true
}
