package nostrbot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// start begins a run: see [Flow.Start].
func (f *flowCore) start(ctx context.Context, m *Message) error {
	b := f.declared("Start")
	ws := m.walks
	// What only waits for an answer is given up by whoever begins anew.
	left := slices.Clone(ws.all)
	left = slices.DeleteFunc(left, func(w *walk) bool { return w.Flow == f.name && w != ws.moving && f.replaceable(w) })
	if len(left) >= MaxRuns {
		m.Say(textFlowTooMany, nil)
		return nil
	}
	w := &walk{Flow: f.name, Key: idempotencyKey(m.From, "run:"+f.name+":"+m.ID), Version: f.version}
	b.flows.starting.add(w.Key, m.From)
	next := Go(f.steps[0].name)
	if f.begin != nil {
		var err error
		if next, err = f.begin(ctx, m, w); err != nil {
			return f.failed("Begin", err)
		}
	}
	switch next.kind {
	case nextDone:
		return nil
	case nextGo:
	default:
		return f.failed("Begin", fmt.Errorf("it answered %v: answer Go or Done, there is no step yet", next))
	}
	to, err := f.step(next.step)
	if err != nil {
		return f.failed("Begin", err)
	}
	for _, o := range slices.Clone(ws.all) {
		if !slices.Contains(left, o) || o.Key == w.Key {
			ws.end(m.From, o)
		}
	}
	return f.enter(ctx, m, w, to)
}

// replaceable tells whether a run waits for the customer's answer and for
// nothing else.
func (f *flowCore) replaceable(w *walk) bool {
	s := f.byName[w.Step]
	return s.text != nil && len(s.on) == 0 && s.onCancel == nil
}

// failed says where an author's error arose.
func (f *flowCore) failed(where string, err error) error {
	return fmt.Errorf("flow %q: %s: %w", f.name, where, err)
}

// cause is what a run moved for.
type cause int

const (
	byText cause = iota
	bySignal
	byTimeout
)

// move runs an action of the step that a run is at, and does what it answers.
func (f *flowCore) move(ctx context.Context, m *Message, w *walk, why cause, act action) error {
	before := w.State
	next, err := f.act(ctx, m, w, act)
	if err != nil {
		return err
	}
	return f.follow(ctx, m, w, before, why, next)
}

// act runs an action of the author's.
func (f *flowCore) act(ctx context.Context, m *Message, w *walk, act action) (Next, error) {
	outer := m.walks.moving
	m.walks.moving = w
	defer func() { m.walks.moving = outer }()
	next, err := act(ctx, m, w)
	if err != nil {
		return Next{}, f.failed("step "+w.Step, err)
	}
	return next, nil
}

// follow does what a step answered. before is the state as it was before that.
func (f *flowCore) follow(ctx context.Context, m *Message, w *walk, before json.RawMessage, why cause, next Next) error {
	from := f.byName[w.Step]
	if why == byTimeout {
		w.Deadline = time.Time{}
	}
	if why != byText { // what came from outside, no word undoes
		defer func() { w.Back = nil }()
	}
	switch next.kind {
	case nextGo:
		to, err := f.step(next.step)
		if err != nil {
			return f.failed("step "+from.name, err)
		}
		w.Back = append(w.Back, crumb{from.name, before})
		w.Back = w.Back[max(0, len(w.Back)-maxCrumbs):]
		return f.enter(ctx, m, w, to)
	case nextAgain:
		if why == byTimeout {
			return f.enter(ctx, m, w, from)
		}
		return f.ask(ctx, m, w, from)
	case nextStay:
		m.walks.touch(m.From, w)
	case nextBack:
		return f.back(ctx, m, w, from)
	case nextDone:
		m.walks.end(m.From, w)
	case nextCancel:
		m.Say(textFlowCancelled, nil)
		m.walks.end(m.From, w)
	case nextPass:
		return f.failed("step "+from.name, errors.New("it answered Pass, which is for texts: answer Stay"))
	default:
		return f.failed("step "+from.name, errors.New("it answered the zero Next and no error: say where to go, such as nostrbot.Stay"))
	}
	return nil
}

// enter moves a run to a step and asks its question.
func (f *flowCore) enter(ctx context.Context, m *Message, w *walk, to *flowStep) error {
	w.Step, w.Deadline = to.name, to.deadline(m.walks.now)
	if to.noBack {
		w.Back = nil
	}
	return f.ask(ctx, m, w, to)
}

// deadline of a step that is entered now; zero is never.
func (s *flowStep) deadline(now time.Time) time.Time {
	if s.within == 0 {
		return time.Time{}
	}
	return now.Add(s.within).UTC().Truncate(time.Millisecond)
}

// ask is the one place where a step's question is put.
func (f *flowCore) ask(ctx context.Context, m *Message, w *walk, s *flowStep) error {
	if s.ask != nil {
		if _, err := f.act(ctx, m, w, s.ask); err != nil { // its Next is ours
			return err
		}
	}
	m.Reply(m.translate(s.prompt))
	m.walks.asked(w)
	m.walks.touch(m.From, w)
	return nil
}

// back returns to the step before.
func (f *flowCore) back(ctx context.Context, m *Message, w *walk, from *flowStep) error {
	if len(w.Back) == 0 {
		m.Say(textFlowNoBack, nil)
		return f.ask(ctx, m, w, from)
	}
	last := w.Back[len(w.Back)-1]
	to, err := f.step(last.Step)
	if err != nil { // the author took a step away without a new version
		return f.failed("back", err)
	}
	w.Back, w.State = w.Back[:len(w.Back)-1], last.State
	return f.enter(ctx, m, w, to)
}
