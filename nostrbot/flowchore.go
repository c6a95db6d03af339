package nostrbot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// errNothing is a job's answer when there is nothing to do: nothing is
// committed.
var errNothing = errors.New("nothing to do")

// chore finds what must be done about a customer's runs before a letter is
// looked at, in a commit of its own, or returns nil. Each chore leaves less to
// do, so that turns may ask until there is none.
func (b *Bot) chore(rec *record, rev int64, l letter, now time.Time) *letter {
	if l.chore {
		return nil
	}
	ws := newWalks(rec.Walks, now)
	if slices.ContainsFunc(ws.all, b.outdated) {
		// No revision is used twice, so this names what is to be done.
		return &letter{id: "upgrade:" + strconv.FormatInt(rev, 10), do: b.upgrade, giveUp: b.dropOutdated, chore: true}
	}
	if l.do != nil { // comes from outside, where deadlines are not ours
		return nil
	}
	for _, w := range ws.all {
		// A date is whole seconds, cut off: in doubt it was in time.
		if !w.Deadline.IsZero() && w.Deadline.Before(l.sentAt) && !w.Deadline.After(now) {
			late := b.timeout(w.Key, w.Deadline)
			return &late
		}
	}
	return nil
}

// outdated tells whether a run is not of this version of the bot.
func (b *Bot) outdated(w *walk) bool {
	f := b.flows.byName[w.Flow]
	return f == nil || f.version != w.Version || f.byName[w.Step] == nil
}

// upgrade brings all runs to this version, or ends them.
func (b *Bot) upgrade(_ context.Context, m *Message) error {
	for _, w := range slices.Clone(m.walks.all) {
		if !b.outdated(w) {
			continue
		}
		if err := b.upgradeOne(m, w); err != nil {
			b.log.Error("run of an earlier version ends", "customer", m.From, "flow", w.Flow, "step", w.Step, "version", w.Version, "err", err)
			b.drop(m, w)
		}
	}
	return nil
}

func (b *Bot) upgradeOne(m *Message, w *walk) error {
	f := b.flows.byName[w.Flow]
	switch {
	case f == nil:
		return errors.New("no such flow any more")
	case w.Version > f.version:
		return fmt.Errorf("this bot is older: it has version %d", f.version)
	case w.Version == f.version || f.upgrade == nil:
		return fmt.Errorf("version %d has no upgrade for it", f.version)
	}
	step, state, err := f.upgrade(Stored{Version: w.Version, Step: w.Step, State: w.State})
	if err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	to, err := f.step(step)
	if err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	w.Version, w.Step, w.State, w.Back = f.version, step, state, nil
	switch {
	case to.within == 0:
		w.Deadline = time.Time{}
	case w.Deadline.IsZero():
		w.Deadline = to.deadline(m.walks.now)
	}
	m.walks.touch(m.From, w)
	return nil
}

// dropOutdated ends what cannot be upgraded: upgrade panics.
func (b *Bot) dropOutdated(_ context.Context, m *Message) error {
	for _, w := range slices.Clone(m.walks.all) {
		if b.outdated(w) {
			b.drop(m, w)
		}
	}
	return nil
}

func (b *Bot) drop(m *Message, w *walk) {
	m.Say(textFlowOutdated, nil)
	m.walks.end(m.From, w)
}

// timeout is the job that ends a step whose deadline has passed.
func (b *Bot) timeout(key string, deadline time.Time) letter {
	return letter{
		id: fmt.Sprintf("timeout:%s:%d", key, deadline.UnixMilli()),
		do: func(ctx context.Context, m *Message) error {
			w, err := m.walks.late(key)
			if err != nil || w == nil {
				return err
			}
			f := b.flows.byName[w.Flow]
			if act := f.byName[w.Step].onTimeout; act != nil {
				return f.move(ctx, m, w, byTimeout, act)
			}
			m.Say(textFlowTimedOut, nil)
			m.walks.end(m.From, w)
			return nil
		},
		giveUp: func(_ context.Context, m *Message) error {
			w, err := m.walks.late(key)
			if err != nil || w == nil {
				return err
			}
			m.Reply(m.translate(b.cfg.Sorry))
			m.walks.end(m.From, w)
			return nil
		},
	}
}

// late finds a run whose deadline has passed. nil without an error is a run that
// the record does not know: the Store is told to forget its key, or it would
// wake us for ever.
func (ws *walks) late(key string) (*walk, error) {
	w := ws.find(key)
	if w == nil {
		ws.ended = append(ws.ended, key)
		return nil, nil
	}
	if w.Deadline.IsZero() || w.Deadline.After(ws.now) {
		return nil, errNothing // it has moved on
	}
	return w, nil
}
