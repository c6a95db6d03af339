package nostrbottest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// count says how often it was asked: a bot that forgets, or answers twice, is
// found out.
var count = nostrbot.WithState("n", func(_ context.Context, c *nostrbot.Chat[int]) error {
	*c.State++
	c.Replyf("%d", *c.State)
	return nil
})

// counter counts, and repeats everything else line by line.
func counter(b *nostrbot.Bot) {
	b.Command("count", "count", count)
	b.Fallback(func(_ context.Context, m *nostrbot.Message) error {
		for line := range strings.SplitSeq(m.Text, "\n") {
			m.Reply("echo " + line)
		}
		return nil
	})
}

func TestConversation(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, counter)
	alice := net.User(t, "alice")
	bob := net.User(t, "bob", nostrbottest.NIP04)
	alice.Says("/count").Hears("1").Says("/count").Hears("2").HearsNothing()
	require.Equal(t, nostrbot.NIP17, alice.Last().Via)
	require.Equal(t, alice.SaidID(), alice.Last().ReplyTo)
	bob.Says("/count").Hears("1")
	require.Equal(t, nostrbot.NIP04, bob.Last().Via)
	bob.Says("a\nb").Hears("echo a").HearsMatch("^echo .$").HearsNothing()
	bob.Says("c\nd").HearsAll("echo d", "echo c").HearsNothing()
	require.Equal(t, "echo e", bob.Says("e").Next().Text)
	require.Equal(t, `alice> /count
alice< 1
alice> /count
alice< 2
bob> /count
bob< 1
bob> a
     b
bob< echo a
bob< echo b
bob> c
     d
bob< echo c
bob< echo d
bob> e
bob< echo e
`, net.Transcript())
	net.Mask(`(?m)^bob. `, "B ")
	require.Contains(t, net.Transcript(), "\nB echo e\n")
}

func TestKeysAreTheSameInEachRun(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	require.Equal(t, "e288aa", net.Key("alice")[:6])
	require.NotEqual(t, net.Key("alice"), net.Key("bob"))
	require.Equal(t, net.PubKey("alice"), net.User(t, "alice").PubKey())
}

func TestWaysToSayTheSameAgain(t *testing.T) {
	t.Parallel()
	for _, relays := range []int{1, 3} {
		for _, client := range []nostrbottest.Client{nostrbottest.NIP17, nostrbottest.NIP04, nostrbottest.Both} {
			t.Run(fmt.Sprintf("%s over %d", client, relays), func(t *testing.T) {
				t.Parallel()
				net := nostrbottest.New(t, nostrbottest.Relays(relays))
				net.Bot(t, counter)
				alice := net.User(t, "alice", client)
				alice.Says("/count").Hears("1").Resends().Rewraps().HearsNothing()
				alice.Says("count").Hears("2").HearsNothing()
				alice.SaysAt(net.Clock.Now().Add(time.Minute), "count").Hears("3").HearsNothing()
			})
		}
	}
}

func TestCrash(t *testing.T) {
	t.Parallel()
	for _, client := range []nostrbottest.Client{nostrbottest.NIP17, nostrbottest.NIP04, nostrbottest.Both} {
		for _, point := range []nostrbottest.Point{nostrbottest.BeforeCommit, nostrbottest.AfterCommit, nostrbottest.BeforeOK} {
			t.Run(fmt.Sprintf("%s/%s", client, point), func(t *testing.T) {
				t.Parallel()
				net := nostrbottest.New(t, nostrbottest.Relays(2))
				bot := net.Bot(t, counter)
				alice := net.User(t, "alice", client)
				alice.Says("/count").Hears("1")
				bot.CrashAt(point)
				alice.Says("/count ")
				bot.Crashed()
				if point != nostrbottest.BeforeOK {
					alice.HearsNothing()
				}
				bot.Start()
				alice.Hears("2").HearsNothing()
				alice.Says("count").Hears("3")
				require.Contains(t, net.Transcript(), "alice> /count \n-- bot crashed\n-- bot started\nalice< 2\n")
			})
		}
	}
}

// What a handler does when the bot dies under it is not committed, and it is
// told by its context.
func TestCrash_InTheHandler(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	entered := make(chan struct{}, 1)
	lives := 0
	bot := net.Bot(t, func(b *nostrbot.Bot) {
		lives++
		life := lives
		b.Fallback(func(ctx context.Context, m *nostrbot.Message) error {
			m.Replyf("life %d", life)
			if life == 1 {
				entered <- struct{}{}
				<-ctx.Done()
			}
			return nil
		})
	})
	alice := net.User(t, "alice").Says("hello")
	<-entered
	bot.Crash()
	require.Error(t, bot.Send(t.Context(), alice.PubKey(), "from beyond", "k"))
	bot.Start()
	alice.Hears("life 2").HearsNothing()
	bot.Stop()
	bot.Stop()
	alice.HearsNothing()
	bot.Start()
	alice.Says("hello again").Hears("life 3")
	require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "news", "k"))
	alice.Hears("news").HearsNothing()
}

func TestGolden(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, counter)
	net.User(t, "alice").Says("/count").Hears("1").Says("two\nlines").Hears("echo two").Hears("echo lines").HearsNothing()
	net.Golden("testdata/conversation.golden")
}
