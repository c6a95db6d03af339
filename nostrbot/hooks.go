package nostrbot

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

// Hook is told what happens in a bot, for metrics and alarms: a value that
// implements any of the interfaces named Hook... of this package. More of them
// will come, and more fields in what they are told, so that an old hook works
// with a new bot. None of them is told a text.
//
// Hooks are called by the goroutine in which it happens, several at a time, and
// must not block: a mailbox, an outbox or a relay leg waits for them. A panic in
// one is logged and goes no further. What is told is what this process saw:
// after a crash, or where a commit failed only seemingly, a call may be missing,
// and of a reply that two bots on one Store sent at once both tell.
type Hook any

// HookStart is told of the bot when Run begins.
type HookStart interface{ OnStart(b *Bot) }

// HookMessageHandled is told of each message that is done, after its commit.
type HookMessageHandled interface{ OnMessageHandled(h MessageHandled) }

// HookMessageRefused is told of each message that a middleware turned away (see
// [Message.Refuse]), after its commit and before HookMessageHandled.
type HookMessageRefused interface{ OnMessageRefused(r MessageRefused) }

// HookHandlerFailed is told of each run of a handler that ended in an error or a
// panic. Config.OnError hears the error itself.
type HookHandlerFailed interface{ OnHandlerFailed(f HandlerFailed) }

// HookReplyDelivered is told of each message of the bot that a relay accepted.
type HookReplyDelivered interface{ OnReplyDelivered(r ReplySettled) }

// HookReplyGivenUp is told of each message of the bot that no relay will take.
type HookReplyGivenUp interface{ OnReplyGivenUp(r ReplySettled) }

// HookRelayUp is told when a relay can be published to (again): it was
// connected, or it accepted our AUTH.
type HookRelayUp interface{ OnRelayUp(url string) }

// HookRelayDown is told when a connection to a relay ended, and why. The bot is
// connecting again.
type HookRelayDown interface{ OnRelayDown(url string, err error) }

// Outcome says how a message ended.
type Outcome string

// The outcomes.
const (
	// Answered means that at least one reply was committed.
	Answered Outcome = "answered"
	// Silent means that the handler had nothing to say.
	Silent Outcome = "silent"
	// Refused means that a middleware turned it away.
	Refused Outcome = "refused"
	// Twin means that it was handled before, by the other protocol.
	Twin Outcome = "twin"
	// GaveUp means that the handler failed as often as Config.Attempts allows,
	// and the customer was told Sorry.
	GaveUp Outcome = "gave-up"
)

// MessageHandled is what [HookMessageHandled] is told.
type MessageHandled struct {
	Customer PubKey
	// ID is [Message].ID.
	ID  string
	Via Protocol
	// Command is [Message.Command].
	Command string
	Outcome Outcome
	// Replies are how many texts were staged.
	Replies int
	// Attempts are how often the handler was run in this process, at least.
	Attempts int
	// Age is [Message.Age]; Took is from ReceivedAt to the commit, pauses
	// between attempts included.
	Age, Took time.Duration
}

// MessageRefused is what [HookMessageRefused] is told.
type MessageRefused struct {
	Customer PubKey
	ID       string
	Command  string
	// Reason is the word given to [Message.Refuse].
	Reason string
}

// HandlerFailed is what [HookHandlerFailed] is told.
type HandlerFailed struct {
	Customer PubKey
	ID       string
	Command  string
	Panicked bool
	Took     time.Duration
}

// ReplySettled is what [HookReplyDelivered] and [HookReplyGivenUp] are told.
type ReplySettled struct {
	Customer PubKey
	// ID is [Parcel].ID.
	ID  string
	Via Protocol
	// Relays accepted it; none when it was given up.
	Relays []string
	// Attempts are the rounds that failed before.
	Attempts int
	// Took is from the commit of the parcel.
	Took time.Duration
}

// hooks calls each hook that wants to know.
type hooks struct {
	all []Hook
	log *slog.Logger
}

func (hs *hooks) each(f func(Hook)) {
	for _, h := range hs.all {
		func() {
			defer func() {
				if p := recover(); p != nil {
					hs.log.Error("hook panicked", "hook", fmt.Sprintf("%T", h), "stack", string(debug.Stack()))
				}
			}()
			f(h)
		}()
	}
}

// call tells an event to the hooks that implement H.
func call[H any](hs *hooks, tell func(H)) {
	hs.each(func(h Hook) {
		if h, ok := h.(H); ok {
			tell(h)
		}
	})
}

// checkHooks finds values that would never be called: a method misspelt, or one
// with a pointer receiver given as a value.
func checkHooks(all []Hook) (faults []error) {
	for i, h := range all {
		switch h.(type) {
		case HookStart, HookMessageHandled, HookMessageRefused, HookHandlerFailed,
			HookReplyDelivered, HookReplyGivenUp, HookRelayUp, HookRelayDown:
		default:
			faults = append(faults, fmt.Errorf("Hooks[%d] is a %T, which implements none of the Hook... interfaces: "+
				"see their methods, or pass a pointer", i, h))
		}
	}
	return faults
}

// handled is called after the commit of a message that h, which is nil for a
// twin, has handled.
func (b *Bot) handled(m *Message, h Handler, l letter, giveUp bool) {
	if len(b.hooks.all) == 0 || l.do != nil {
		return
	}
	outcome := Answered
	switch {
	case h == nil:
		outcome = Twin
	case giveUp:
		outcome = GaveUp
	case m.refused != "":
		outcome = Refused
		call(&b.hooks, func(h HookMessageRefused) {
			h.OnMessageRefused(MessageRefused{Customer: m.From, ID: m.ID, Command: m.Command(), Reason: m.refused})
		})
	case len(m.replies) == 0:
		outcome = Silent
	}
	call(&b.hooks, func(h HookMessageHandled) {
		h.OnMessageHandled(MessageHandled{
			Customer: m.From, ID: m.ID, Via: m.Via, Command: m.Command(), Outcome: outcome,
			Replies: len(m.replies), Attempts: l.attempts, Age: m.Age(), Took: b.now().Sub(m.ReceivedAt),
		})
	})
}

// settled is called after the Store knows that a parcel's way has ended.
func (b *Bot) settled(p *Parcel) {
	if len(b.hooks.all) == 0 {
		return
	}
	r := ReplySettled{Customer: p.To, ID: p.ID, Via: p.Via, Attempts: p.Attempts, Took: b.now().Sub(p.CreatedAt)}
	for _, receipt := range p.Receipts {
		r.Relays = append(r.Relays, receipt.Relay)
	}
	switch p.State {
	case ParcelSent:
		call(&b.hooks, func(h HookReplyDelivered) { h.OnReplyDelivered(r) })
	case ParcelGivenUp:
		call(&b.hooks, func(h HookReplyGivenUp) { h.OnReplyGivenUp(r) })
	}
}

// tellRelays adds the hooks to what a pool reports.
func (b *Bot) tellRelays(cfg *relay.Config) {
	up := cfg.OnUp
	cfg.OnUp = func(url string) {
		up(url)
		call(&b.hooks, func(h HookRelayUp) { h.OnRelayUp(url) })
	}
	cfg.OnDown = func(url string, err error) {
		call(&b.hooks, func(h HookRelayDown) { h.OnRelayDown(url, err) })
	}
}
