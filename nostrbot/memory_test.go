package nostrbot_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T, string) nostrbot.Store { return nostrbot.NewMemory() })
}

// BenchmarkMemory_Due asks for the next few of 100,000 runs, most of which are
// due, while others are put off.
func BenchmarkMemory_Due(b *testing.B) {
	store, ctx, alice := nostrbot.NewMemory(), b.Context(), nostrbot.PubKey{0xa1}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	put := func(key string, at time.Time) {
		err := store.Commit(ctx, nostrbot.Batch{
			Customer: alice, Rev: nostrbot.AnyRev, Now: now,
			Runs: []nostrbot.Run{{Key: key, Customer: alice, WakeAt: at}},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := range 100_000 {
		put(fmt.Sprint("r", i), now.Add(-time.Duration(i%1000)*time.Second))
	}
	for b.Loop() {
		due, err := store.Due(ctx, now, 64)
		if err != nil || len(due) != 64 {
			b.Fatal(len(due), err)
		}
		put(due[0].Key, due[0].WakeAt.Add(time.Minute))
	}
}

// One message is handled: the new state, the reply and the mark that it is
// done are one commit, and a second run of the same message is refused.
func ExampleStore() {
	var (
		store = nostrbot.NewMemory()
		ctx   = context.Background()
		alice = nostrbot.PubKey{0xa1}
		now   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	)
	conv, err := store.Load(ctx, alice, now, "message-1")
	fmt.Println(conv.Rev, len(conv.Done), err)

	batch := nostrbot.Batch{
		Customer: alice,
		Rev:      conv.Rev,
		State:    []byte(`{"step":"pay"}`),
		Done:     []string{"message-1"},
		Parcels:  []nostrbot.Parcel{{ID: "reply-1", To: alice, Via: nostrbot.NIP17, Event: []byte(`{}`)}},
		Now:      now,
	}
	fmt.Println(store.Commit(ctx, batch))
	fmt.Println(store.Commit(ctx, batch))

	parcels, err := store.Parcels(ctx, alice, 10)
	fmt.Println(parcels[0].ID, parcels[0].State, err)
	// Output:
	// 0 0 <nil>
	// <nil>
	// message is already done
	// reply-1 pending <nil>
}
