package nostrbot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	// Via is the protocol it came by.
	Via Protocol

	args     map[string]string
	replies  []string
	sessions map[string]json.RawMessage
}

// NewMessage makes a message as the bot would, to call a handler in a test.
func NewMessage(from PubKey, id, text string) *Message {
	return &Message{ID: id, Key: idempotencyKey(from, id), From: from, Text: text, Via: NIP17, sessions: map[string]json.RawMessage{}}
}

// Reply stages an answer. It leaves only if the handler returns nil, after the
// commit, in the order staged. An empty text is ignored.
func (m *Message) Reply(text string) {
	if text != "" {
		m.replies = append(m.replies, text)
	}
}

// Replyf is Reply with fmt.Sprintf.
func (m *Message) Replyf(format string, args ...any) { m.Reply(fmt.Sprintf(format, args...)) }

// Replies are the answers staged so far.
func (m *Message) Replies() []string { return append([]string(nil), m.replies...) }

// Arg is the argument that the command's pattern names so, or "" when it was
// optional and is not there. See [Bot.Command].
func (m *Message) Arg(name string) string { return m.args[name] }

// Say is a handler that always answers the same.
func Say(text string) Handler {
	return func(_ context.Context, m *Message) error {
		m.Reply(text)
		return nil
	}
}

func idempotencyKey(customer PubKey, id string) string {
	h := sha256.New()
	h.Write(customer[:])
	h.Write([]byte(id))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
