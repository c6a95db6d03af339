package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// diary is a hook that writes down all it is told.
type diary struct {
	mu    sync.Mutex
	lines []string
	bot   *nostrbot.Bot
}

func (d *diary) writef(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) has(line string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.lines, func(l string) bool { return strings.HasPrefix(l, line) })
}

func (d *diary) OnStart(b *nostrbot.Bot) { d.bot = b; d.writef("start") }
func (d *diary) OnMessageHandled(h nostrbot.MessageHandled) {
	d.writef("handled %s %s %s replies=%d attempts=%d", h.Command, h.Via, h.Outcome, h.Replies, h.Attempts)
}
func (d *diary) OnMessageRefused(r nostrbot.MessageRefused) {
	d.writef("refused %s %s", r.Command, r.Reason)
}
func (d *diary) OnHandlerFailed(f nostrbot.HandlerFailed) {
	d.writef("failed %s panicked=%v", f.Command, f.Panicked)
}
func (d *diary) OnReplyDelivered(r nostrbot.ReplySettled) {
	d.writef("delivered %s to %d relays", r.Via, len(r.Relays))
}
func (d *diary) OnReplyGivenUp(r nostrbot.ReplySettled) {
	d.writef("given up %s to %d relays", r.Via, len(r.Relays))
}
func (d *diary) OnRelayUp(string)                { d.writef("up") }
func (d *diary) OnRelayDown(_ string, err error) { d.writef("down %v", err != nil) }

// broken is a hook that panics.
type broken struct{}

func (broken) OnMessageHandled(nostrbot.MessageHandled) { panic("hook") }

func TestHooks_AreToldWhatHappens(t *testing.T) {
	t.Parallel()
	n, d := newNet(t), new(diary)
	bot, _ := n.run(t, nostrbot.Config{
		Attempts: 2, Sorry: "sorry", Hooks: []nostrbot.Hook{broken{}, d},
		OnError: func(context.Context, *nostrbot.Message, error) {},
	}, func(b *nostrbot.Bot) {
		ping(b)
		fail := func(err error) nostrbot.Handler {
			return func(context.Context, *nostrbot.Message) error {
				if err == nil {
					panic("secret")
				}
				return err
			}
		}
		b.Command("fail", "", fail(errors.New("secret")))
		b.Command("panic", "", fail(nil))
		b.Group(nostrbot.Allow(nostrbot.NewList())).Command("staff", "", nostrbot.Say("x"))
		b.Fallback(func(context.Context, *nostrbot.Message) error { return nil })
	})
	alice := n.person(t)
	now := time.Now()
	alice.publish(alice.seal("ping", nostrbot.NIP17, now).Event)
	alice.hears("pong")
	alice.publish(alice.seal("ping", nostrbot.NIP04, now).Event)
	alice.says("fail", nostrbot.NIP04)
	alice.hears("sorry")
	alice.says("panic", nostrbot.NIP04)
	alice.hears("sorry")
	alice.says("staff", nostrbot.NIP17)
	alice.hears("Sorry, that is not open to you.")
	alice.says("just talk", nostrbot.NIP17)
	alice.says("ping 2", nostrbot.NIP17)
	alice.hears("pong 2")
	n.Faults.DropConnections()
	for _, line := range []string{
		"start", "up", "handled ping nip17 answered replies=1 attempts=1", "handled  nip04 twin replies=0 attempts=1",
		"failed fail panicked=false", "failed panic panicked=true", "handled  nip04 gave-up replies=1 attempts=3",
		"refused staff not-allowed", "handled staff nip17 refused replies=1 attempts=1", "handled  nip17 silent replies=0 attempts=1",
		"delivered nip17 to 1 relays", "delivered nip04 to 1 relays", "down true",
	} {
		require.Eventually(t, func() bool { return d.has(line) }, patience, time.Millisecond, line)
	}
	require.Same(t, bot, d.bot)
	d.mu.Lock()
	defer d.mu.Unlock()
	count := 0
	for _, l := range d.lines {
		require.NotContains(t, l, "secret")
		if strings.HasPrefix(l, "handled") {
			count++
		}
	}
	require.Equal(t, 7, count, "each message once: %q", d.lines)
}

func TestHooks_GivenUp(t *testing.T) {
	t.Parallel()
	n, d := newNet(t), new(diary)
	bot, _ := n.run(t, nostrbot.Config{Hooks: []nostrbot.Hook{d}}, ping)
	alice := n.person(t)
	alice.says("ping", nostrbot.NIP17)
	alice.hears("pong")
	n.Faults.RefuseEvents("blocked: go away")
	require.NoError(t, bot.Send(t.Context(), alice.me, "hello", "k"))
	require.Eventually(t, func() bool { return d.has("given up nip17 to 0 relays") }, patience, time.Millisecond)
}

func TestHooks_ThatWouldNeverBeCalledAreNamed(t *testing.T) {
	t.Parallel()
	_, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec(strings.Repeat("01", 32)), Relays: []string{"ws://127.0.0.1:1"},
		Hooks: []nostrbot.Hook{new(diary), diary{}, nil},
	})
	require.ErrorContains(t, err, "Hooks[1] is a nostrbot_test.diary, which implements none")
	require.ErrorContains(t, err, "Hooks[2] is a <nil>")
	require.NotContains(t, err.Error(), "Hooks[0]")
}
