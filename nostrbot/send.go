package nostrbot

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrInMailbox is returned by [Bot.Do] when it is called from a handler of the
// same customer, which would wait for itself.
var ErrInMailbox = errors.New("already in this customer's mailbox: use Message.Reply and the Chat's state")

const maxKey = 128

// SendOption changes how one message of [Bot.Send] leaves.
type SendOption func(*outgoing)

// Secret is for what should not lie about: see [Message.ReplySecret]. Send
// fails with [ErrNoNIP17] when the customer's client was only ever seen to read
// NIP-04.
func Secret() SendOption { return func(o *outgoing) { o.secret = true } }

// ExpiresIn asks relays and clients to forget the message after so long
// (NIP-40), in place of [Config].Expire.
func ExpiresIn(d time.Duration) SendOption { return func(o *outgoing) { o.expire = d } }

// Via sends by that protocol, whatever the policy says.
func Via(p Protocol) SendOption { return func(o *outgoing) { o.via = p } }

func (o *outgoing) check() error {
	switch {
	case o.text == "":
		return errors.New("the text is empty")
	case o.via != "" && o.via != NIP17 && o.via != NIP04:
		return fmt.Errorf("no protocol %q: use nostrbot.NIP17 or nostrbot.NIP04", o.via)
	case o.secret && o.via == NIP04:
		return errors.New("a secret goes by NIP-17 only: leave out Via or Secret")
	case o.expire < 0:
		return fmt.Errorf("it expires in %v, before it is sent", o.expire)
	}
	return nil
}

// Send says something to a customer without having been asked: a progress
// note, a reminder. key names the message; sending again under the same key is
// a no-op for 16 days, also after a restart, so a caller who is not sure
// simply calls again. Under another key it is another message, also if it says
// the same. The message is durable when Send returns nil, and leaves after what
// was committed for the customer before; [Bot.Delivery] tells what became of it.
// A text too long for relays leaves in numbered parts.
//
// It goes out by [Config].Policy. To one who never wrote, Send may wait a
// moment for their relay list. It may be called from any goroutine, from
// handlers too, before and during Run.
func (b *Bot) Send(ctx context.Context, to PubKey, text, key string, opts ...SendOption) error {
	if err := checkKey(key); err != nil {
		return err
	}
	o := outgoing{text: text, expire: b.cfg.Expire}
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.check(); err != nil {
		return fmt.Errorf("nostrbot: send: %w", err)
	}
	defer b.outbox.committing(to, true)()
	err := b.send(ctx, to, o, "send:"+key)
	b.outbox.kick(to) // also if it was done before, or seemed to fail: a commit may have gone through
	if err != nil {
		return fmt.Errorf("nostrbot: send: %w", err)
	}
	return nil
}

func (b *Bot) send(ctx context.Context, to PubKey, o outgoing, id string) error {
	now := b.now()
	conv, err := b.store.Load(ctx, to, now, id)
	if err != nil {
		return fmt.Errorf("load conversation: %w", err)
	}
	if len(conv.Done) > 0 {
		return nil
	}
	rec, err := readRecord(conv.State)
	if err != nil {
		return err
	}
	if o.secret {
		if o.via = NIP17; !b.takesSecrets(ctx, to, rec) {
			return ErrNoNIP17
		}
	}
	parcels, err := b.seal(ctx, to, rec, []outgoing{o}, "", id)
	if err != nil {
		return err
	}
	err = b.store.Commit(ctx, Batch{Customer: to, Rev: AnyRev, Done: []string{id}, Parcels: parcels, Now: now})
	if err != nil && !errors.Is(err, ErrDone) {
		return fmt.Errorf("commit: %w", err)
	}
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
	return b.do(ctx, customer, letter{id: "do:" + key, do: h})
}

// do hands a job to the mailbox and waits for its end.
func (b *Bot) do(ctx context.Context, customer PubKey, l letter) error {
	if ctx.Value(inMailbox{}) == customer {
		return fmt.Errorf("nostrbot: do: %w", ErrInMailbox)
	}
	select {
	case <-b.started:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.done = make(chan error, 1)
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
