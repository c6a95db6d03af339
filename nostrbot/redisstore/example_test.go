package redisstore_test

import (
	"context"
	"fmt"
	"log"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dmshop/dmshop/internal/redistest"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/redisstore"
)

// Two processes that serve one bot open the store under its name.
func ExampleOpen() { //nolint:testableexamples // it wants a server of its own
	ctx := context.Background()
	store, err := redisstore.Open(ctx, "redis://localhost:6379/0", "coffee")
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Durable(ctx); err != nil {
		log.Print("a crash may lose orders: ", err)
	}
	bot, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec("nsec1..."), Relays: []string{"wss://nos.lol"}, Store: store,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bot.Run(ctx))
}

func BenchmarkCommit(b *testing.B) {
	s := open(b, redistest.Start(b).URL, "bot")
	rev := int64(0)
	for b.Loop() {
		if err := s.Commit(b.Context(), batch(alice, rev)); err != nil {
			b.Fatal(err)
		}
		rev++
	}
}

// BenchmarkCommitParallel is many customers at once: they share fsyncs.
func BenchmarkCommitParallel(b *testing.B) {
	s := open(b, redistest.Start(b).URL, "bot")
	var customers atomic.Int32
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		n := customers.Add(1)
		customer := nostrbot.PubKey{byte(n), byte(n >> 8), 1}
		for rev := int64(0); pb.Next(); rev++ {
			if err := s.Commit(b.Context(), batch(customer, rev)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkClaim(b *testing.B) {
	s := open(b, redistest.Start(b).URL, "bot")
	for b.Loop() {
		if _, err := s.Claim(b.Context(), alice, "one", time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}
