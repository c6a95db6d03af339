package nostrbot

import (
	"context"
	"time"
)

// SetCanaryLimit is for tests that do not wait half a minute.
func (b *Bot) SetCanaryLimit(d time.Duration) { b.canary.limit = d }

// SetCrowd is for tests that have no thousands of customers.
func (b *Bot) SetCrowd(n int) { b.outbox.crowd = n }

// Senders counts the customers who are waited with.
func (b *Bot) Senders() int {
	b.outbox.mu.Lock()
	defer b.outbox.mu.Unlock()
	return len(b.outbox.senders)
}

// SetStrangerTime is how long is worked for a stranger's relay.
func (b *Bot) SetStrangerTime(d time.Duration) { b.outbox.offers.guests.time = d }

// ServeOffline makes the bot serve mailboxes without a relay, for tests that
// need the Store only. Timeouts come when RingTimeouts is called.
func (b *Bot) ServeOffline() (stop func()) {
	b.finish()
	b.running.Store(true)
	ctx, cancel := context.WithCancel(context.Background())
	b.serving, b.handlers = ctx, ctx
	close(b.started)
	return func() {
		b.boxes.close(context.Background())
		b.alarm.wait()
		cancel()
	}
}

// Hear brings a customer's message to the mailbox and waits for its end.
func (b *Bot) Hear(from PubKey, id, text string, sentAt time.Time) error {
	l := letter{id: id, text: text, sentAt: sentAt, via: NIP04, relay: "ws://127.0.0.1:1", done: make(chan error, 1)}
	b.boxes.put(from, l)
	return <-l.done
}

// RingTimeouts brings all timeouts that are due and waits for their end.
func (b *Bot) RingTimeouts() {
	b.alarm.scan(context.Background())
	b.alarm.wait()
}
