package nostrbottest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// declare is what the author of a bot wrote.
func declare(b *nostrbot.Bot) {
	b.Command("order [DRINK]", "order a coffee", nostrbot.WithState("orders", func(_ context.Context, c *nostrbot.Chat[int]) error {
		if c.Arg("DRINK") == "" {
			c.Reply("espresso or latte?")
			return nil
		}
		*c.State++
		c.Replyf("order %d: %s", *c.State, c.Arg("DRINK"))
		return nil
	}))
}

// A conversation, as a test: t is the test's.
func Example() {
	test(func(t testing.TB) {
		net := nostrbottest.New(t)
		net.Bot(t, declare)
		alice := net.User(t, "alice")
		alice.Says("/order").Hears("espresso or latte?")
		alice.Says("/order latte").Hears("order 1: latte").HearsNothing()
		fmt.Print(net.Transcript())
	})
	// Output:
	// alice> /order
	// alice< espresso or latte?
	// alice> /order latte
	// alice< order 1: latte
}

// Killed at the worst moment, the bot neither forgets nor repeats itself.
func ExampleBot_CrashAt() {
	test(func(t testing.TB) {
		net := nostrbottest.New(t)
		bot := net.Bot(t, declare)
		alice := net.User(t, "alice", nostrbottest.NIP04)
		bot.CrashAt(nostrbottest.AfterCommit)
		alice.Says("/order latte")
		bot.Crashed()
		bot.Start()
		alice.Hears("order 1: latte").HearsNothing()
		fmt.Print(net.Transcript())
	})
	// Output:
	// alice> /order latte
	// -- bot crashed
	// -- bot started
	// alice< order 1: latte
}

// A relay that refuses is tried again until it takes the reply.
func ExampleRelay() {
	test(func(t testing.TB) {
		net := nostrbottest.New(t)
		net.Bot(t, declare)
		alice := net.User(t, "alice").Says("/order").Hears("espresso or latte?")
		net.Relays[0].RefuseNext(2, "rate-limited: slow down")
		net.Relays[0].Drop()
		alice.Says("/order latte").Hears("order 1: latte").HearsNothing()
		fmt.Println(alice.Last().Text)
	})
	// Output: order 1: latte
}

// The bot's time is the test's.
func ExampleClock() {
	test(func(t testing.TB) {
		net := nostrbottest.New(t)
		net.Bot(t, declare)
		alice := net.User(t, "alice").Says("/order latte").Hears("order 1: latte")
		net.Clock.Advance(nostrbot.SessionTTL + time.Hour)
		alice.Says("/order latte").Hears("order 1: latte") // the session is over
		fmt.Println(alice.Last().Text)
	})
	// Output: order 1: latte
}

// test stands for go test, which an example is not part of.
func test(body func(t testing.TB)) {
	t := &exampleT{}
	defer func() {
		for i := len(t.cleanups) - 1; i >= 0; i-- {
			t.cleanups[i]()
		}
	}()
	body(t)
}

type exampleT struct {
	testing.TB
	cleanups []func()
}

func (t *exampleT) Name() string                      { return "Example" }
func (t *exampleT) Helper()                           {}
func (t *exampleT) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleT) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
