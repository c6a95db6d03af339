package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// try runs a handler on messages of one customer, all sent at the same time.
func try(h nostrbot.Handler, texts ...string) {
	for i, text := range texts {
		m := nostrbot.NewMessage(nostrbot.PubKey{1}, fmt.Sprint(i), text)
		m.ReceivedAt = time.Unix(1_700_000_000, 0)
		if err := h(context.Background(), m); err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Println(strings.TrimSpace(fmt.Sprint(m.Replies(), " ", m.Refused())))
	}
}

func ExampleRateLimit() {
	limit := nostrbot.RateLimit(2, time.Minute)
	try(limit(nostrbot.Say("hello")), "1", "2", "3", "4")
	// Output:
	// [hello]
	// [hello]
	// [That is more than I can answer. Please wait 30 seconds before you go on.] too-fast
	// [] too-fast
}

func ExampleProofOfWork() {
	gate := nostrbot.ProofOfWork(20)
	try(gate(nostrbot.Say("hello")), "1", "2")
	// Output:
	// [To keep spam out, I ask for 20 bits of proof of work (NIP-13) with the first message. Please set that in your client and write again.] no-work
	// [] no-work
}

func ExampleAllow() {
	staff := nostrbot.NewList()
	h := nostrbot.Allow(staff)(nostrbot.Say("12 left"))
	try(h, "stock")
	staff.Add(nostrbot.PubKey{1})
	try(h, "stock")
	// Output:
	// [Sorry, that is not open to you.] not-allowed
	// [12 left]
}

func ExampleBlock() {
	var banned nostrbot.List
	h := nostrbot.Block(&banned)(nostrbot.Say("hello"))
	banned.Add(nostrbot.PubKey{1})
	try(h, "hi")
	banned.Remove(nostrbot.PubKey{1})
	try(h, "hi")
	// Output:
	// [] blocked
	// [hello]
}

func ExampleLoopBreaker() {
	breaker := nostrbot.LoopBreaker(3, time.Minute)
	try(breaker(nostrbot.Say("what?")), "what?", "what?", "what?", "what?")
	// Output:
	// [what?]
	// [what?]
	// [what?]
	// [] loop
}

func ExampleRecover() {
	h := nostrbot.Recover(func(context.Context, *nostrbot.Message) error { panic("out of coffee") })
	err := h(context.Background(), nostrbot.NewMessage(nostrbot.PubKey{1}, "id", "hi"))
	var p *nostrbot.PanicError
	fmt.Println(errors.As(err, &p), p.Value, len(p.Stack) > 0)
	// Output: true out of coffee true
}

func ExampleTimeout() {
	slow := func(ctx context.Context, _ *nostrbot.Message) error {
		<-ctx.Done() // such as a supplier that does not answer
		return fmt.Errorf("ask the supplier: %w", ctx.Err())
	}
	try(nostrbot.Timeout(time.Millisecond)(slow), "price")
	// Output: error: ask the supplier: context deadline exceeded
}

func ExampleLog() {
	plain := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "time" || a.Key == "took" {
			return slog.Attr{}
		}
		return a
	}})
	try(nostrbot.Log(slog.New(plain))(nostrbot.Say("hello")), "my secret")
	// Output:
	// level=INFO msg=message customer=npub1qyqqqqqq...vypx message=0 command="" via=nip17 outcome=answered replies=1
	// [hello]
}

func ExampleMaxText() {
	try(nostrbot.MaxText(5)(nostrbot.Say("hello")), "hi", "how are you?")
	// Output:
	// [hello]
	// [That message is too long for me: 12 characters, I read at most 5. Please send a shorter one.] too-long
}

func ExampleMaxAge() {
	h := nostrbot.MaxAge(10*time.Minute, "I was away. Do you still want it? Then send it again, please.")(nostrbot.Say("ordered"))
	m := nostrbot.NewMessage(nostrbot.PubKey{1}, "id", "buy coffee")
	m.ReceivedAt = time.Unix(1_700_000_000, 0)
	m.SentAt = m.ReceivedAt.Add(-time.Hour)
	if err := h(context.Background(), m); err != nil {
		panic(err)
	}
	fmt.Println(m.Replies())
	// Output: [I was away. Do you still want it? Then send it again, please.]
}
