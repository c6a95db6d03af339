package nostrbot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/dmshop/dmshop/nostrbot/dm"
)

// ErrStopping is [Bot.Do]'s answer when the bot stops before the commit: call
// again, with the same key, after the restart.
var ErrStopping = errors.New("nostrbot: the bot is stopping")

// handle brings one letter to its end: done before, a twin, committed, or
// given up with an apology. It returns early, with nothing written, only when
// the bot is stopping; the message is then handled at the next start.
func (b *Bot) handle(customer PubKey, l letter) error {
	pause, doubt, giveUp := 200*time.Millisecond, false, false
	l.receivedAt = b.now() // for all attempts
	for attempt := 1; ; {
		l.attempts = attempt
		err := b.claims.turn(customer, l, giveUp)
		var failure *handlerError
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrDone):
			if doubt { // our own commit went through, though it failed
				b.outbox.kick(customer)
			}
			return nil
		case b.handlers.Err() != nil, errors.Is(err, ErrStopping):
			return ErrStopping
		case errors.Is(err, ErrConflict):
			doubt = true
			continue // another bot on this store moved on: look again
		case !errors.As(err, &failure):
			doubt = true
			b.log.Error("store or signer failed, trying again", "customer", customer, "message", l.id, "err", err)
		case l.do != nil && l.giveUp == nil:
			return failure.err // the caller decides
		default:
			if attempt++; attempt > b.cfg.Attempts && !giveUp {
				giveUp = true
				continue
			}
		}
		b.boxes.idle(func() { // others are served meanwhile
			b.sleep(b.handlers, pause)
			pause = min(2*pause, 30*time.Second)
		})
	}
}

// handlerError sets what the author's code returned apart from failures of
// the store, which are retried for as long as it takes.
type handlerError struct{ err error }

func (e *handlerError) Error() string { return e.err.Error() }

// turn is one try: load, run the handler, seal, commit. With giveUp it says
// sorry in place of the handler.
func (b *Bot) turn(customer PubKey, l letter, giveUp bool) error {
	// The commit is not the handler's: it has its own time, and what a handler
	// finished while the bot is stopping is kept.
	ctx, now := b.serving, b.now()
	conv, err := b.store.Load(ctx, customer, now, l.id)
	if err != nil {
		return fmt.Errorf("load conversation: %w", err)
	}
	if len(conv.Done) > 0 {
		return ErrDone
	}
	rec, err := readRecord(conv.State)
	if err != nil {
		return err
	}
	if chore := b.chore(rec, conv.Rev, l, now); chore != nil {
		if err := b.handle(customer, *chore); err != nil {
			return err
		}
		return ErrConflict // with ourselves: look again
	}
	m := &Message{
		ID: l.id, Key: idempotencyKey(customer, l.id), From: customer,
		Text: l.text, SentAt: l.sentAt, ReceivedAt: l.receivedAt, Via: l.via, Known: rec.Known, Work: l.work,
		sessions: maps.Clone(rec.Sessions), lang: rec.Lang, texts: b.cfg.Texts, log: b.log,
		walks: newWalks(rec.Walks, now),
	}
	if l.do != nil {
		m.Via = rec.Via
	}
	var h Handler
	twin := false
	switch {
	case giveUp && l.giveUp != nil:
		h = l.giveUp
	case l.do != nil:
		h = l.do
	case giveUp:
		rec.note(l) // its twin is done with it
		h = Say(b.cfg.Sorry)
	case rec.note(l): // the twin was answered
		h, twin = nil, true
	default:
		h = b.route(m)
	}
	if l.do == nil {
		rec.wrote(l, twin, now)
	}
	m.takesSecrets = func() bool { return b.takesSecrets(ctx, customer, rec) }
	if h != nil {
		switch err := b.run(h, m); {
		case err == errNothing:
			return nil
		case err != nil:
			return &handlerError{err}
		}
	}
	rec.Sessions, rec.Lang, rec.Walks = m.sessions, m.lang, m.walks.all
	rec.Known = rec.Known || h != nil && l.do == nil && m.refused == ""
	var replyTo string
	if l.do == nil {
		replyTo = l.id
	}
	parcels, err := b.seal(ctx, customer, rec, m.outgoing(b.cfg.Expire), replyTo, l.id)
	switch {
	case errors.Is(err, dm.ErrDraft), errors.Is(err, dm.ErrPubKey): // the author's to mend
		b.report(ctx, m, err)
		return &handlerError{err}
	case err != nil: // the signer's: as with the store, it will be back
		return fmt.Errorf("seal: %w", err)
	}
	state, err := json.Marshal(rec)
	if err != nil {
		return &handlerError{fmt.Errorf("save conversation: %w", err)}
	}
	defer b.outbox.committing(customer, false)()
	err = b.store.Commit(ctx, Batch{
		Customer: customer, Rev: conv.Rev, State: state, Done: []string{l.id}, Parcels: parcels,
		Runs: m.walks.runs(), Ended: m.walks.ended, Now: now,
	})
	b.writes.note(err)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if rec.Known {
		b.intake.lanes.meet(customer)
	}
	if len(parcels) > 0 {
		b.outbox.kick(customer, parcels...)
	}
	b.alarm.set(m.walks.wake())
	b.handled(m, h, l, giveUp)
	return nil
}

// run calls the handler; a panic becomes an error and harms nobody else.
func (b *Bot) run(h Handler, m *Message) (err error) {
	ctx, cancel := context.WithTimeout(context.WithValue(b.handlers, inMailbox{}, m.From), b.cfg.Timeout)
	defer cancel()
	begin := time.Now()
	defer func() {
		if err != nil && err != errNothing {
			var p *PanicError
			call(&b.hooks, func(h HookHandlerFailed) {
				h.OnHandlerFailed(HandlerFailed{
					Customer: m.From, ID: m.ID, Command: m.Command(), Panicked: errors.As(err, &p), Took: time.Since(begin),
				})
			})
			b.report(ctx, m, err)
		}
	}()
	return Recover(h)(ctx, m)
}

func (b *Bot) report(ctx context.Context, m *Message, err error) {
	if b.cfg.OnError != nil {
		b.cfg.OnError(ctx, m, err)
	} else {
		b.logFailure(m, err)
	}
}

// logFailure reports an error of the author's code without the words of the
// conversation.
func (b *Bot) logFailure(m *Message, err error) {
	attrs := []any{"customer", m.From, "message", m.ID, "command", m.Command()}
	var p *PanicError
	if errors.As(err, &p) {
		attrs = append(attrs, "panic", withoutWords(fmt.Sprint(p.Value), m), "stack", string(p.Stack))
	} else {
		attrs = append(attrs, "err", withoutWords(err.Error(), m))
	}
	b.log.Error("handler failed", attrs...)
}

// inMailbox marks a context as running inside a customer's mailbox.
type inMailbox struct{}
