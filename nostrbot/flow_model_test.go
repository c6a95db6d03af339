package nostrbot_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// maze is a flow with every kind of way, made for random walks: its questions
// tell step and state, so that every difference shows.
//
//	a: digit -> b, else again; a minute, then the run ends; signal "s" is not awaited
//	b: digit -> c, else pass; signal "s" -> c
//	c: signal "s" stays, "t" ends; two minutes, then -> a; no way back
//
// Each version has its number, and the upgrade notes which one it came from.
type maze struct {
	flow *nostrbot.Flow[[]string]
	keys *[]string
}

func newMaze(version int, keys *[]string) *maze {
	type chat = nostrbot.Chat[[]string]
	ask := func(step string) func(context.Context, *chat) error {
		return func(_ context.Context, c *chat) error {
			c.Reply(fmt.Sprint(step, *c.State))
			return nil
		}
	}
	note := func(what string, next nostrbot.Next) nostrbot.StepFunc[[]string] {
		return func(_ context.Context, c *chat) (nostrbot.Next, error) {
			*c.State = append(*c.State, what)
			return next, nil
		}
	}
	digit := func(next, or nostrbot.Next) nostrbot.StepFunc[[]string] {
		return func(_ context.Context, c *chat) (nostrbot.Next, error) {
			*c.State = append(*c.State, c.Text)
			if isDigit(c.Text) {
				return next, nil
			}
			*c.State = append(*c.State, "must be dropped")
			if or == nostrbot.Again {
				*c.State = (*c.State)[:len(*c.State)-2]
			}
			return or, nil
		}
	}
	m := &maze{keys: keys}
	m.flow = nostrbot.NewFlow("maze",
		nostrbot.Step[[]string]{Name: "a", Ask: ask("a"), Text: digit(nostrbot.Go("b"), nostrbot.Again), Within: time.Minute},
		nostrbot.Step[[]string]{Name: "b", Ask: ask("b"), Text: digit(nostrbot.Go("c"), nostrbot.Pass),
			On: nostrbot.Signals[[]string]{"s": note("s", nostrbot.Go("c"))}},
		nostrbot.Step[[]string]{Name: "c", Ask: ask("c"), NoBack: true,
			On:     nostrbot.Signals[[]string]{"s": note("s", nostrbot.Stay), "t": nostrbot.End[[]string]("end")},
			Within: 2 * time.Minute, OnTimeout: note("late", nostrbot.Go("a"))},
	).Begin(func(_ context.Context, c *chat) (nostrbot.Next, error) {
		*keys = append(*keys, c.Key)
		return nostrbot.Go("a"), nil
	}).Version(version, func(old nostrbot.Stored) (string, []string, error) {
		var state []string
		err := json.Unmarshal(old.State, &state)
		return old.Step, append(state, fmt.Sprint("v", old.Version)), err
	})
	return m
}

func (m *maze) wire(b *nostrbot.Bot) {
	b.Flow("start", "", m.flow)
	b.Fallback(nostrbot.Say("fallback"))
}

func isDigit(text string) bool { return len(text) == 1 && text[0] >= '0' && text[0] <= '9' }

// model is what a customer's runs ought to do, said a second time and simpler:
// eagerly, without letters, commits and jobs.
type model struct {
	now     time.Time
	version int
	runs    []*modelRun // the one that asked last is last
	heard   map[string]bool
	said    []string
}

type modelRun struct {
	key, step string
	state     []string
	version   int
	back      []modelRun // of these, step and state
	deadline  time.Time
	signalled bool
}

func (m *model) say(text string) { m.said = append(m.said, text) }

func (m *model) enter(r *modelRun, step string) {
	r.step, r.deadline = step, time.Time{}
	switch step {
	case "a":
		r.deadline = m.now.Add(time.Minute)
	case "c":
		r.deadline, r.back = m.now.Add(2*time.Minute), nil
	}
	m.ask(r)
}

func (m *model) ask(r *modelRun) {
	m.end(r)
	m.runs = append(m.runs, r)
	m.say(fmt.Sprint(r.step, r.state))
}

func (m *model) end(r *modelRun) {
	m.runs = slices.DeleteFunc(m.runs, func(o *modelRun) bool { return o == r })
}

// open is done before anything that reaches the mailbox.
func (m *model) open() {
	for _, r := range m.runs {
		if r.version != m.version {
			r.state, r.back = with(r.state, fmt.Sprint("v", r.version)), nil
			r.version = m.version
		}
	}
}

func (m *model) text(text string, key func() string) {
	m.open()
	for {
		i := slices.IndexFunc(m.runs, func(r *modelRun) bool { return !r.deadline.IsZero() && r.deadline.Before(m.now) })
		if i < 0 {
			break
		}
		m.late(m.runs[i])
	}
	if text == "/start" {
		m.start(key)
		return
	}
	if len(m.runs) == 0 {
		if text == "start" {
			m.start(key)
		} else {
			m.say("fallback")
		}
		return
	}
	last := m.runs[len(m.runs)-1]
	switch text {
	case "cancel":
		m.say("Cancelled.")
		m.end(last)
		return
	case "back":
		if len(last.back) == 0 {
			m.say("There is no way back from here.")
			m.ask(last)
			return
		}
		to := last.back[len(last.back)-1]
		last.back, last.state = last.back[:len(last.back)-1], to.state
		m.enter(last, to.step)
		return
	}
	for _, r := range slices.Backward(m.runs) {
		switch {
		case r.step == "c":
		case isDigit(text):
			r.back = append(r.back, modelRun{step: r.step, state: r.state})
			r.state = with(r.state, text)
			m.enter(r, map[string]string{"a": "b", "b": "c"}[r.step])
			return
		case r.step == "a" && text != "start":
			m.ask(r)
			return
		case r.step == "a":
			m.start(key)
			return
		}
	}
	if text == "start" {
		m.start(key)
		return
	}
	m.say("fallback")
}

func (m *model) start(key func() string) {
	left := slices.DeleteFunc(slices.Clone(m.runs), func(r *modelRun) bool { return r.step == "a" })
	if len(left) >= nostrbot.MaxRuns {
		m.say("Several things of yours are open already. Please finish or cancel one of them first.")
		return
	}
	m.runs = left
	m.enter(&modelRun{key: key(), version: m.version}, "a")
}

// signal returns the error that it ought to have.
func (m *model) signal(key, event string) error {
	if m.heard[key+event] {
		return nil
	}
	i := slices.IndexFunc(m.runs, func(r *modelRun) bool { return r.key == key })
	if i < 0 {
		if m.heard[key] { // its key is known, so it reaches the mailbox
			m.open()
		}
		return nostrbot.ErrNoRun
	}
	m.open()
	r := m.runs[i]
	if event != "s" && (event != "t" || r.step != "c") || r.step == "a" {
		return nostrbot.ErrNotHandled
	}
	m.heard[key+event], m.heard[key], r.signalled = true, true, true
	switch {
	case event == "t":
		m.say("end")
		m.end(r)
	case r.step == "b":
		r.state = with(r.state, "s")
		m.enter(r, "c")
	default:
		r.state = with(r.state, "s")
	}
	return nil
}

// ring is what the alarm ought to do.
func (m *model) ring() {
	for _, r := range m.due() {
		if !r.deadline.After(m.now) {
			m.open()
			m.late(r)
		}
	}
}

// due are the runs with a deadline, in the order of the alarm.
func (m *model) due() []*modelRun {
	due := slices.DeleteFunc(slices.Clone(m.runs), func(r *modelRun) bool { return r.deadline.IsZero() })
	slices.SortFunc(due, func(a, b *modelRun) int {
		return cmp.Or(a.deadline.Compare(b.deadline), cmp.Compare(a.key, b.key))
	})
	return due
}

func (m *model) late(r *modelRun) {
	if r.step == "a" {
		m.say(timedOut)
		m.end(r)
		return
	}
	r.state, r.back = with(r.state, "late"), nil
	m.enter(r, "a")
}

func with(state []string, what string) []string { return append(slices.Clone(state), what) }
