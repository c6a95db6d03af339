package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clients send each DM by one protocol.
var clients = []nostrbottest.Client{nostrbottest.NIP17, nostrbottest.NIP04}

// pong declares the command that most tests ask.
func pong(b *nostrbot.Bot) {
	b.Command("ping [N]", "", func(_ context.Context, m *nostrbot.Message) error {
		m.Reply(strings.TrimSpace("pong " + m.Arg("N")))
		return nil
	})
}

// echo repeats what it does not know.
func echo(b *nostrbot.Bot) {
	pong(b)
	b.Fallback(func(_ context.Context, m *nostrbot.Message) error { m.Reply("echo " + m.Text); return nil })
}

// count says how often it was asked.
var count = nostrbot.WithState("n", func(_ context.Context, c *nostrbot.Chat[int]) error {
	*c.State++
	c.Replyf("%d", *c.State)
	return nil
})

// gate is a handler that says when it was entered and waits to be let go.
type gate struct {
	entered chan struct{}
	release chan struct{}
	answer  string
}

func newGate(answer string) *gate {
	return &gate{entered: make(chan struct{}, 10), release: make(chan struct{}), answer: answer}
}

func (g *gate) handle(ctx context.Context, m *nostrbot.Message) error {
	g.entered <- struct{}{}
	select {
	case <-g.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	m.Reply(g.answer)
	return nil
}

func TestBot_AnswersInTheProtocolItWasAsked(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, pong)
	alice := net.User(t, "alice")
	for i, client := range []nostrbottest.Client{nostrbottest.NIP17, nostrbottest.NIP04, nostrbottest.NIP17} {
		alice.Speaks(client).Says(fmt.Sprintf("/ping %d", i)).Hears(fmt.Sprintf("pong %d", i))
		require.Equal(t, dm.Protocol(client), alice.Last().Via)
		require.Equal(t, alice.SaidID(), alice.Last().ReplyTo)
	}
}

func TestBot_StateIsKeptPerCustomer(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, func(b *nostrbot.Bot) { b.Command("count", "", count) })
	net.User(t, "alice").Says("count").Hears("1").Speaks(nostrbottest.NIP04).Says("/count").Hears("2")
	net.User(t, "bob").Says("count").Hears("1")
}

func TestBot_OneCustomerInOrderOthersInParallel(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	wait := newGate("waited")
	net.Bot(t, func(b *nostrbot.Bot) { pong(b); b.Command("wait", "", wait.handle) })
	alice := net.User(t, "alice").Says("wait")
	<-wait.entered
	alice.Speaks(nostrbottest.NIP04)
	for i := range 5 {
		alice.Says(fmt.Sprintf("ping %d", i))
	}
	net.User(t, "bob").Says("ping").Hears("pong") // while alice's handler is stuck
	close(wait.release)
	alice.Hears("waited")
	for i := range 5 {
		alice.Hears(fmt.Sprintf("pong %d", i))
	}
}

func TestBot_PanicHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	var failures atomic.Int32
	net.Bot(t, func(b *nostrbot.Bot) {
		pong(b)
		b.Command("boom", "", func(_ context.Context, m *nostrbot.Message) error {
			m.Reply("must not leave")
			panic("boom")
		})
	}, func(c *nostrbot.Config) {
		c.Attempts, c.Sorry = 2, "sorry"
		c.OnError = func(_ context.Context, _ *nostrbot.Message, err error) {
			if strings.Contains(err.Error(), "boom") {
				failures.Add(1)
			}
		}
	})
	alice := net.User(t, "alice").Says("boom")
	net.User(t, "bob").Says("ping").Hears("pong")
	alice.Hears("sorry")
	require.EqualValues(t, 2, failures.Load())
	alice.HearsNothing()
}

func TestBot_FailedHandlerIsTriedAgainWithTheSameKey(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	var mu sync.Mutex
	keys := map[string]int{}
	net.Bot(t, func(b *nostrbot.Bot) {
		b.Command("flaky", "", nostrbot.WithState("n", func(_ context.Context, c *nostrbot.Chat[int]) error {
			mu.Lock()
			defer mu.Unlock()
			*c.State++
			keys[c.Key]++
			c.Replyf("run %d, state %d", keys[c.Key], *c.State)
			if keys[c.Key] < 3 {
				return errors.New("not yet")
			}
			return nil
		}))
	})
	net.User(t, "alice").Says("flaky").Hears("run 3, state 1").HearsNothing()
	require.Len(t, keys, 1)
	for key := range keys {
		require.Regexp(t, `^[a-z0-9-]{1,40}$`, key)
	}
}

func TestBot_LongAndOddTexts(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, func(b *nostrbot.Bot) { b.Use(nostrbot.MaxText(1000)); pong(b) })
	alice := net.User(t, "alice")
	for _, client := range clients {
		alice.Speaks(client).
			Says(string(client) + strings.Repeat("x", 99_995)).
			Hears("That message is too long for me: 100000 characters, I read at most 1000. Please send a shorter one.").
			Says(string(client) + "\x00\x01\x1b[2J\x7f").
			Hears("Sorry, I did not understand that. Send /help to see what I can do.")
	}
	alice.HearsNothing()
}

// A customer who writes more than a mailbox holds, while it is stuck, is
// answered all the same: what did not fit is asked for again.
func TestBot_FloodOfOneCustomerLosesNothing(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	wait := newGate("waited")
	net.Bot(t, func(b *nostrbot.Bot) { pong(b); b.Command("wait", "", wait.handle) })
	alice := net.User(t, "alice", nostrbottest.NIP04).Says("wait")
	<-wait.entered
	want := []string{"waited"}
	for i := range 200 {
		alice.Says(fmt.Sprintf("ping %d", i))
		want = append(want, fmt.Sprintf("pong %d", i))
	}
	net.User(t, "bob").Says("ping").Hears("pong") // nobody else waits
	close(wait.release)
	alice.HearsAll(want...).HearsNothing()
}

func TestBot_StuckHandlerEndsWithItsTimeout(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, func(b *nostrbot.Bot) { b.Command("hang", "", newGate("never").handle) }, func(c *nostrbot.Config) {
		c.Timeout, c.Attempts, c.Sorry = 10*time.Millisecond, 1, "sorry"
	})
	net.User(t, "alice").Says("hang").Hears("sorry").HearsNothing()
}
