package nostrbot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Handler answers one message. Returning nil commits the staged replies and
// the state; returning an error commits nothing, and the message is tried
// again (see [Config].Attempts).
//
// ctx ends when the handler has run for [Config].Timeout, or when the bot's
// grace at stopping is over.
type Handler func(ctx context.Context, m *Message) error

// Middleware wraps a handler. See [Bot.Use].
type Middleware func(next Handler) Handler

// Message is what a customer said: decrypted, verified, first seen. It belongs
// to one run of one handler and is not for concurrent use.
type Message struct {
	// ID names the message: the NIP-17 rumor's id, or the NIP-04 event's.
	// For [Bot.Do] it is "do:" and the caller's key.
	ID string
	// Key is the idempotency key of this message: at most 40 of [a-z0-9-],
	// the same each time the message is handled, different for every
	// customer and message.
	Key string
	// From is the customer, proven by signature.
	From PubKey
	// Text is valid UTF-8, otherwise as it came: any length that fits a
	// relay, control characters included. Empty for [Bot.Do].
	Text string
	// SentAt is the customer's own date, whole seconds, never in the future.
	SentAt time.Time
	// ReceivedAt is when the bot took it up, by [Config].Clock; the same each
	// time this process runs the handler for it.
	ReceivedAt time.Time
	// Via is the protocol it came by.
	Via Protocol
	// Known says that the customer has a conversation with this bot: a message
	// of theirs was handled, and not refused, in the last 7 days.
	Known bool
	// Work is the proof of work of the event that carried it: leading zero bits
	// of its id, as many as it committed to beforehand (NIP-13).
	Work int

	command  *command          // nil: the fallback's
	args     map[string]string // nil: their number did not fit
	values   map[string]any
	replies  []string
	secrets  map[string]bool // of replies
	sessions map[string]json.RawMessage
	lang     string
	texts    Texts
	log      *slog.Logger
	refused  string
	// takesSecrets is asked by ReplySecret; nil in tests of a handler.
	takesSecrets func() bool
	walks        *walks
	wrapped      bool // the bot's middleware runs
}

// NewMessage makes a message as the bot would, to call a handler in a test.
func NewMessage(from PubKey, id, text string) *Message {
	return &Message{ID: id, Key: idempotencyKey(from, id), From: from, Text: text, Via: NIP17, sessions: map[string]json.RawMessage{}, walks: newWalks(nil, time.Now())}
}

// Reply stages an answer. It leaves only if the handler returns nil, after the
// commit, in the order staged. An empty text is ignored; one too long for
// relays leaves in numbered parts (see [dm.Split]).
func (m *Message) Reply(text string) {
	if text != "" {
		m.replies = append(m.replies, text)
	}
}

// Replyf is Reply with fmt.Sprintf.
func (m *Message) Replyf(format string, args ...any) { m.Reply(fmt.Sprintf(format, args...)) }

// ReplySecret is Reply for what should not lie about, such as a voucher's code:
// it leaves by NIP-17 only, and the [Store] keeps nothing of it but the sealed
// bytes. So it cannot be wrapped anew either: a relay that refuses its date or
// wants work does not get it. When the customer's client was only ever seen to
// read NIP-04, it is [ErrNoNIP17] and nothing is staged.
func (m *Message) ReplySecret(text string) error {
	if m.takesSecrets != nil && !m.takesSecrets() {
		return fmt.Errorf("nostrbot: reply a secret: %w", ErrNoNIP17)
	}
	if m.secrets == nil {
		m.secrets = map[string]bool{}
	}
	m.secrets[text] = true
	m.Reply(text)
	return nil
}

// outgoing are the replies as they are to be sealed.
func (m *Message) outgoing(expire time.Duration) (out []outgoing) {
	for _, text := range m.replies {
		o := outgoing{text: text, expire: expire}
		if m.secrets[text] {
			o.secret, o.via = true, NIP17
		}
		out = append(out, o)
	}
	return out
}

// Replies are the answers staged so far.
func (m *Message) Replies() []string { return append([]string(nil), m.replies...) }

// Arg is the argument that the command's pattern names so, or "" when it was
// optional and is not there, as it was typed. See [Bot.Command] and [Arg].
func (m *Message) Arg(name string) string { return m.args[name] }

// Command is the name of the command that was found for the message, the first
// in its pattern; "" in the fallback and for [Bot.Do].
func (m *Message) Command() string {
	if m.command == nil {
		return ""
	}
	return m.command.names[0]
}

// Age is how long the message was on its way, from SentAt to ReceivedAt. It is
// zero for [Bot.Do].
func (m *Message) Age() time.Duration {
	if m.SentAt.IsZero() || m.ReceivedAt.IsZero() {
		return 0
	}
	return max(0, m.ReceivedAt.Sub(m.SentAt))
}

// Refuse notes that the message was turned away: a middleware calls it when it
// answers, or keeps silent, in the handler's place. The message is done all the
// same; but it does not make a stranger [Message.Known], and hooks hear of it
// under the reason, a word such as "too-fast". The first reason stands.
func (m *Message) Refuse(reason string) {
	if m.refused == "" {
		m.refused = reason
	}
}

// Refused is the reason given to Refuse, or "".
func (m *Message) Refused() string { return m.refused }

// Say is a handler that always answers the same: a text, or the id of one of
// [Config].Texts.
func Say(text string) Handler {
	return func(_ context.Context, m *Message) error {
		m.Reply(m.translate(text))
		return nil
	}
}

func idempotencyKey(customer PubKey, id string) string {
	h := sha256.New()
	h.Write(customer[:])
	h.Write([]byte(id))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
