package nostrbot

import (
	"context"
	"errors"
	"fmt"
)

// ErrInMailbox is returned by [Bot.Do] when it is called from a handler of the
// same customer, which would wait for itself.
var ErrInMailbox = errors.New("already in this customer's mailbox: use Message.Reply and the Chat's state")

const maxKey = 128

// Send says something to a customer without having been asked: a progress
// note, a reminder. key names the message; sending again under the same key is
// a no-op for 16 days, also after a restart, so a caller who is not sure
// simply calls again. The message is durable when Send returns nil, and leaves
// after what was committed for the customer before.
//
// It goes out in the protocol in which the customer last wrote; to one who
// never wrote, in both. Send may be called from any goroutine, from handlers
// too, before and during Run.
func (b *Bot) Send(ctx context.Context, to PubKey, text, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if text == "" {
		return errors.New("nostrbot: send: the text is empty")
	}
	id, now := "send:"+key, b.now()
	conv, err := b.store.Load(ctx, to, now, id)
	if err != nil {
		return fmt.Errorf("nostrbot: send: load conversation: %w", err)
	}
	if len(conv.Done) > 0 {
		b.outbox.kick(to) // the first call may have failed after its commit
		return nil
	}
	rec, err := readRecord(conv.State)
	if err != nil {
		return fmt.Errorf("nostrbot: send: %w", err)
	}
	parcels, err := b.seal(ctx, to, rec, []string{text}, "")
	if err != nil {
		return fmt.Errorf("nostrbot: send: %w", err)
	}
	err = b.store.Commit(ctx, Batch{Customer: to, Rev: AnyRev, Done: []string{id}, Parcels: parcels, Now: now})
	if errors.Is(err, ErrDone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("nostrbot: send: commit: %w", err)
	}
	b.outbox.kick(to)
	return nil
}

// Do runs h in a customer's mailbox, in turn with their messages, so that an
// event from outside (a settled invoice) can change their state and tell them
// in one commit. key names the event: once it was committed, doing it again is
// a no-op for 16 days. m.Text is empty, m.ID is
// "do:" and the key.
//
// Do returns when it is committed, or h's error, or ctx's. It waits for Run to
// begin. After any error but h's own the outcome may be unknown: call again
// with the same key.
func (b *Bot) Do(ctx context.Context, customer PubKey, key string, h Handler) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if ctx.Value(inMailbox{}) == customer {
		return fmt.Errorf("nostrbot: do: %w", ErrInMailbox)
	}
	select {
	case <-b.started:
	case <-ctx.Done():
		return ctx.Err()
	}
	l := letter{id: "do:" + key, do: h, done: make(chan error, 1)}
	if !b.boxes.put(customer, l) {
		return ErrStopping
	}
	select {
	case err := <-l.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("nostrbot: the key must have 1 to %d bytes, not %d", maxKey, len(key))
	}
	return nil
}
