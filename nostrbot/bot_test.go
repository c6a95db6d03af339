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

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var protocols = []dm.Protocol{dm.NIP17, dm.NIP04}

func TestBot_AnswersInTheProtocolItWasAsked(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{}, ping)
	alice := n.person(t)
	for i, via := range []dm.Protocol{dm.NIP17, dm.NIP04, dm.NIP17} {
		id := alice.says(fmt.Sprintf("/ping %d", i), via)
		m := alice.hears(fmt.Sprintf("pong %d", i))
		require.Equal(t, via, m.Via)
		require.Equal(t, id, m.ReplyTo)
	}
}

func TestBot_StateIsKeptPerCustomer(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		b.Command("hi", "", nostrbot.WithState("visits", func(_ context.Context, c *nostrbot.Chat[int]) error {
			*c.State++
			c.Replyf("visit %d", *c.State)
			return nil
		}))
	})
	alice, bob := n.person(t), n.person(t)
	alice.says("hi", dm.NIP17)
	alice.hears("visit 1")
	alice.says("/hi", dm.NIP04)
	alice.hears("visit 2")
	bob.says("hi", dm.NIP17)
	bob.hears("visit 1")
}

func TestBot_OneCustomerInOrderOthersInParallel(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	release := make(chan struct{})
	started := make(chan struct{}, 10)
	n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		ping(b)
		b.Command("wait", "", func(ctx context.Context, m *nostrbot.Message) error {
			started <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
			}
			m.Reply("waited")
			return nil
		})
	})
	alice, bob := n.person(t), n.person(t)
	alice.says("wait", dm.NIP17)
	<-started
	for i := range 5 {
		alice.says(fmt.Sprintf("ping %d", i), dm.NIP04)
	}
	bob.says("ping", dm.NIP17)
	bob.hears("pong") // while alice's handler is stuck
	close(release)
	alice.hears("waited")
	for i := range 5 {
		alice.hears(fmt.Sprintf("pong %d", i))
	}
}

func TestBot_PanicHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	var failures atomic.Int32
	n.run(t, nostrbot.Config{
		Attempts: 2, Sorry: "sorry",
		OnError: func(_ context.Context, _ *nostrbot.Message, err error) {
			if strings.Contains(err.Error(), "boom") {
				failures.Add(1)
			}
		},
	}, func(b *nostrbot.Bot) {
		ping(b)
		b.Command("boom", "", func(_ context.Context, m *nostrbot.Message) error {
			m.Reply("must not leave")
			panic("boom")
		})
	})
	alice, bob := n.person(t), n.person(t)
	alice.says("boom", dm.NIP17)
	bob.says("ping", dm.NIP17)
	bob.hears("pong")
	alice.hears("sorry")
	require.EqualValues(t, 2, failures.Load())
	alice.hearsNothing(dm.NIP17)
}

func TestBot_FailedHandlerIsTriedAgainWithTheSameKey(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	var mu sync.Mutex
	keys := map[string]int{}
	n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		ping(b)
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
	alice := n.person(t)
	alice.says("flaky", dm.NIP17)
	alice.hears("run 3, state 1")
	require.Len(t, keys, 1)
	for key := range keys {
		require.Regexp(t, `^[a-z0-9-]{1,40}$`, key)
	}
	alice.hearsNothing(dm.NIP17)
}

func TestBot_TheSameEventTwiceIsOneMessage(t *testing.T) {
	t.Parallel()
	for _, via := range protocols {
		t.Run(string(via), func(t *testing.T) {
			t.Parallel()
			n := newNet(t)
			store := nostrbot.NewMemory()
			_, stop := n.run(t, nostrbot.Config{Store: store}, ping)
			alice := n.person(t)
			alice.says("ping", via)
			alice.hears("pong")
			stop()
			n.run(t, nostrbot.Config{Store: store}, ping) // reads the relay's backlog again
			alice.hearsNothing(via)
		})
	}
}

func TestBot_TwoWrapsOfOneRumorAreOneMessage(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{}, ping)
	alice := n.person(t)
	s := alice.seal("ping", dm.NIP17, time.Now())
	alice.publish(s.Event)
	alice.hears("pong")
	again, err := dm.Wrap(t.Context(), alice.key, n.bot, s.Rumor, time.Now())
	require.NoError(t, err)
	alice.publish(again)
	alice.hearsNothing(dm.NIP17)
}

func TestBot_BothProtocolsAtOnceAreOneMessage(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		ping(b)
		b.Fallback(func(_ context.Context, m *nostrbot.Message) error { m.Reply("echo " + m.Text); return nil })
	})
	alice := n.person(t)
	now := time.Now()
	alice.publish(alice.seal("hello", dm.NIP17, now).Event)
	alice.publish(alice.seal("hello", dm.NIP04, now).Event)
	alice.hears("echo hello")
	alice.hearsNothing(dm.NIP17)
	alice.publish(alice.seal("hello", dm.NIP17, now.Add(time.Second)).Event)
	alice.hears("echo hello") // a true repeat by one protocol
	alice.hearsNothing(dm.NIP17)
}

func TestBot_WhatWasSentWhileItWasAwayIsAnswered(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	alice := n.person(t)
	alice.says("ping 1", dm.NIP17)
	alice.says("ping 2", dm.NIP04)
	n.run(t, nostrbot.Config{}, ping)
	heard := []string{(<-alice.heard).Text, (<-alice.heard).Text}
	require.ElementsMatch(t, []string{"pong 1", "pong 2"}, heard)
	alice.hearsNothing(dm.NIP17)
}

func TestBot_ReplySurvivesTheBot(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store := nostrbot.NewMemory()
	refuse := make(chan struct{})
	refused := make(chan struct{}, 100)
	n.Faults.RefuseEventsFunc(func(ev *nostr.Event) string {
		select {
		case <-refuse:
			return ""
		default:
		}
		if ev.Tags.FindWithValue("p", n.bot.String()) != nil {
			return "" // the customer's
		}
		refused <- struct{}{}
		return "error: disk full"
	})
	_, stop := n.run(t, nostrbot.Config{Store: store, Grace: 100 * time.Millisecond}, ping)
	alice := n.person(t)
	alice.says("ping", dm.NIP17)
	<-refused
	stop()
	close(refuse)
	n.run(t, nostrbot.Config{Store: store}, ping)
	alice.hears("pong")
	alice.hearsNothing(dm.NIP17)
}

func TestBot_SendIsOncePerKey(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store := nostrbot.NewMemory()
	bot, stop := n.run(t, nostrbot.Config{Store: store}, ping)
	alice := n.person(t)
	alice.says("ping", dm.NIP04)
	alice.hears("pong")
	for range 3 {
		require.NoError(t, bot.Send(t.Context(), alice.me, "news", "k1"))
	}
	require.Equal(t, dm.NIP04, alice.hears("news").Via)
	stop()
	bot, _ = n.run(t, nostrbot.Config{Store: store}, ping)
	require.NoError(t, bot.Send(t.Context(), alice.me, "news", "k1"))
	alice.hearsNothing(dm.NIP04)
	require.ErrorContains(t, bot.Send(t.Context(), alice.me, "x", ""), "key")
	require.ErrorContains(t, bot.Send(t.Context(), alice.me, "", "k"), "empty")
}

func TestBot_SendToAStrangerGoesBothWays(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	bot, _ := n.run(t, nostrbot.Config{}, ping)
	alice := n.person(t)
	require.NoError(t, bot.Send(t.Context(), alice.me, "hello", "k"))
	require.ElementsMatch(t, protocols, []dm.Protocol{alice.hears("hello").Via, alice.hears("hello").Via})
}

func TestBot_DoIsOnePerKeyAndSharesTheMailbox(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	count := nostrbot.WithState("n", func(_ context.Context, c *nostrbot.Chat[int]) error {
		*c.State++
		c.Replyf("%d", *c.State)
		return nil
	})
	var bot *nostrbot.Bot
	bot, _ = n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		ping(b)
		b.Command("count", "", count)
		b.Command("do", "", func(ctx context.Context, m *nostrbot.Message) error {
			m.Reply(fmt.Sprint(errors.Is(bot.Do(ctx, m.From, "x", count), nostrbot.ErrInMailbox)))
			return nil
		})
	})
	alice := n.person(t)
	alice.says("count", dm.NIP17)
	alice.hears("1")
	for range 2 {
		require.NoError(t, bot.Do(t.Context(), alice.me, "paid", count))
	}
	alice.hears("2")
	alice.says("/count", dm.NIP17)
	alice.hears("3")
	alice.says("do", dm.NIP17)
	alice.hears("true")
	wrong := errors.New("wrong")
	err := bot.Do(t.Context(), alice.me, "fails", func(context.Context, *nostrbot.Message) error { return wrong })
	require.ErrorIs(t, err, wrong)
}

func TestBot_HostileEventsAreNotHandled(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		ping(b)
		b.Fallback(func(_ context.Context, m *nostrbot.Message) error { m.Reply("heard " + m.Text); return nil })
	})
	alice, mallory := n.person(t), n.person(t)

	// A rumor that claims to be alice's, sealed by mallory.
	rumor := nostr.Event{PubKey: alice.me.String(), CreatedAt: nostr.Now(), Kind: 14, Tags: nostr.Tags{{"p", n.bot.String()}}, Content: "forged"}
	rumor.ID = rumor.GetID()
	forged, err := dm.Wrap(t.Context(), mallory.key, n.bot, []byte(rumor.String()), time.Now())
	if err == nil { // our own Wrap refuses; a hostile client would not
		mallory.publish(forged)
	}
	hostile := mallory.forge(rumor)
	mallory.publish(hostile)

	// Kind 4 with a wrong signature, and with a wrong id, from a relay that
	// does not check.
	var ev nostr.Event
	require.NoError(t, ev.UnmarshalJSON(alice.seal("tampered", dm.NIP04, time.Now()).Event))
	wrongSig, wrongID := ev, ev
	wrongSig.Sig = strings.Repeat("0", 128)
	wrongID.ID = strings.Repeat("0", 64)
	require.NoError(t, n.Inject([]byte(wrongSig.String())))
	require.NoError(t, n.Inject([]byte(wrongID.String())))

	alice.hearsNothing(dm.NIP17)
	// The forged twin came first, and the true one is heard all the same.
	alice.publish([]byte(ev.String()))
	alice.hears("heard tampered")
	mallory.hearsNothing(dm.NIP17)
}

func TestBot_LongAndOddTexts(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		b.Use(nostrbot.MaxText(1000))
		ping(b)
	})
	alice := n.person(t)
	for _, via := range protocols {
		alice.says(string(via)+strings.Repeat("x", 99_995), via)
		alice.hears("That message is too long for me: 100000 characters, I read at most 1000. Please send a shorter one.")
		alice.says(string(via)+"\x00\x01\x1b[2J\x7f", via)
		alice.hears("Sorry, I did not understand that. Send /help to see what I can do.")
	}
	alice.hearsNothing(dm.NIP17)
}

func TestBot_StopLetsTheHandlerFinishAndItsReplyLeave(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	started, release := make(chan struct{}), make(chan struct{})
	_, stop := n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		b.Command("slow", "", func(ctx context.Context, m *nostrbot.Message) error {
			close(started)
			<-release
			m.Reply(fmt.Sprintf("finished, %v", ctx.Err()))
			return nil
		})
	})
	alice := n.person(t)
	alice.says("slow", dm.NIP17)
	<-started
	go close(release)
	stop()
	alice.hears("finished, <nil>")
}

func TestBot_RunnerThatFailsEndsTheRun(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	bot, err := nostrbot.New(nostrbot.Config{Signer: n.botKey, Relays: []string{n.URL()}})
	require.NoError(t, err)
	broken := errors.New("broken")
	require.ErrorIs(t, bot.Run(t.Context(), runner(func(context.Context) error { return broken })), broken)
	require.Panics(t, func() { bot.Command("late", "", nostrbot.Say("x")) })
}

type runner func(context.Context) error

func (r runner) Run(ctx context.Context) error { return r(ctx) }

func TestBot_BacklogIsHandledInTheOrderOfWriting(t *testing.T) {
	t.Parallel()
	for _, via := range protocols {
		t.Run(string(via), func(t *testing.T) {
			t.Parallel()
			n := newNet(t)
			alice := n.person(t)
			const messages = 30
			start := time.Now().Add(-time.Hour)
			for i := range messages {
				alice.publish(alice.seal(fmt.Sprintf("ping %d", i), via, start.Add(time.Duration(i)*time.Second)).Event)
			}
			n.run(t, nostrbot.Config{}, ping)
			for i := range messages {
				alice.hears(fmt.Sprintf("pong %d", i))
			}
		})
	}
}

// A customer who writes more than a mailbox holds, while it is stuck, is
// answered all the same: what did not fit is asked for again.
func TestBot_FloodOfOneCustomerLosesNothing(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	started, release := make(chan struct{}), make(chan struct{})
	n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		ping(b)
		b.Command("wait", "", func(context.Context, *nostrbot.Message) error {
			close(started)
			<-release
			return nil
		})
	})
	alice, bob := n.person(t), n.person(t)
	alice.says("wait", dm.NIP04)
	<-started
	const messages = 200
	want := map[string]bool{}
	for i := range messages {
		alice.says(fmt.Sprintf("ping %d", i), dm.NIP04)
		want[fmt.Sprintf("pong %d", i)] = true
	}
	bob.says("ping", dm.NIP17)
	bob.hears("pong") // nobody else waits
	close(release)
	for len(want) > 0 {
		select {
		case m := <-alice.heard:
			require.True(t, want[m.Text], "%q: not twice, nothing else", m.Text)
			delete(want, m.Text)
		case <-time.After(patience):
			t.Fatalf("%d of %d were not answered", len(want), messages)
		}
	}
}
