package nostrbot

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Flow is a conversation of several steps, such as an order: what to ask, what
// may be answered, how long to wait, and which events from outside it waits
// for. S is the bot author's own state of one run; it survives JSON.
//
//	orders := nostrbot.NewFlow("order",
//		nostrbot.Step[order]{Name: "pick", Prompt: "espresso or latte?", Text: pick, Within: 15 * time.Minute},
//		nostrbot.Step[order]{Name: "pay", Prompt: "I brew as soon as it is paid.", NoBack: true,
//			On: nostrbot.Signals[order]{"settled": brew, "expired": nostrbot.End[order]("Too late. Try /order again.")}},
//	)
//	bot.Flow("order", "order a coffee", orders)
//	...
//	err := orders.Signal(ctx, key, "settled") // from a webhook, say
//
// A customer's walk through a flow is a run. It has a key, [Chat].Key, by which
// the world outside finds it, and it lives in the customer's conversation: each
// step is one turn of the mailbox with one commit, and a run goes on after a
// restart where it was. A customer may have several runs at once, of one flow
// or of several, at most [MaxRuns]. A run that nothing happened to for
// [SessionTTL] is gone.
//
// A Flow is declared once, with one bot, before Run, and is safe for
// concurrent use after that.
type Flow[S any] struct{ core *flowCore }

// AnyFlow is a *[Flow] of any state.
type AnyFlow interface{ flow() *flowCore }

// Step is one step of a [Flow]. Name is required, and one of Text, On and
// Within: something must be able to end the step.
type Step[S any] struct {
	// Name is unique within the flow: 1 to 40 of [a-z0-9-]. It is kept with
	// the run, so to rename a step is a new version; see [Flow.Version].
	Name string
	// Prompt is said whenever the step is entered or asked again; it may be
	// the id of one of [Config].Texts. Empty says nothing.
	Prompt string
	// Ask does Prompt's work where the question depends on the state: it
	// replies. It runs in the turn that enters the step, and what it changes
	// in the state is kept.
	Ask func(ctx context.Context, c *Chat[S]) error
	// Text takes what the customer says; nil is a step that awaits no text.
	Text StepFunc[S]
	// On are the signals that the step awaits.
	On Signals[S]
	// Within is how long the step lasts at most, counted from when it was
	// entered: a wrong answer does not prolong it. At least a second, less
	// than [SessionTTL]; zero is no limit of its own.
	Within time.Duration
	// OnTimeout says what happens then; nil ends the run with
	// "nostrbot.flow-timed-out" of [Sentences]. After Again the step is asked once more and has
	// Within again; after Stay it has no limit any more.
	//
	// While the bot was away, time went by and events may be on their way
	// still: a step that waits for money should look here, before it gives
	// up, whether the money is there.
	OnTimeout StepFunc[S]
	// OnCancel runs when the customer wants to cancel: answer Cancel to let
	// them, Done to end with a text of your own, Stay to refuse. nil lets
	// them.
	OnCancel StepFunc[S]
	// NoBack says that from here no way leads back: what was done to get
	// here (an invoice was made) stands.
	NoBack bool
}

// StepFunc is what a step does with a text, a signal or a timeout. It may
// change c.State and stage replies; both are kept, with the step that Next
// names, in one commit. After an error nothing is kept and it runs again, with
// the same c.Key; see [Config].Attempts and [Flow.Signal].
type StepFunc[S any] func(ctx context.Context, c *Chat[S]) (Next, error)

// Signals are what a step does at events from outside, by the event's name (1
// to 64 bytes).
type Signals[S any] map[string]StepFunc[S]

// End is a StepFunc that says text, which may be the id of one of
// [Config].Texts, and ends the run.
func End[S any](text string) StepFunc[S] {
	return func(_ context.Context, c *Chat[S]) (Next, error) {
		c.Reply(c.translate(text))
		return Done, nil
	}
}

// NewFlow makes a flow that begins with the first of its steps. The name is 1
// to 40 of [a-z0-9-], unique within the bot, and kept with each run. A mistake
// in the steps panics and says what to do.
func NewFlow[S any](name string, first Step[S], more ...Step[S]) *Flow[S] {
	core := &flowCore{name: name, byName: map[string]*flowStep{}}
	for _, s := range append([]Step[S]{first}, more...) {
		e := &flowStep{
			name: s.Name, prompt: s.Prompt, noBack: s.NoBack, within: s.Within,
			text: erase(s.Text), onTimeout: erase(s.OnTimeout), onCancel: erase(s.OnCancel),
			on: map[string]action{},
		}
		if s.Ask != nil {
			e.ask = erase(func(ctx context.Context, c *Chat[S]) (Next, error) { return Stay, s.Ask(ctx, c) })
		}
		for event, f := range s.On {
			e.on[event] = erase(f)
		}
		core.add(e)
	}
	return &Flow[S]{core}
}

// Begin sets what is done when a run begins, in place of entering the first
// step: it may read the command's arguments and fill the state. It must answer
// [Go] to enter a step, or [Done] to leave it at the replies, with no run.
func (f *Flow[S]) Begin(begin StepFunc[S]) *Flow[S] {
	f.core.wiring("Begin")
	if begin == nil || f.core.begin != nil {
		panic(fmt.Sprintf("nostrbot: flow %q: Begin: pass one function, once", f.core.name))
	}
	f.core.begin = erase(begin)
	return f
}

// Stored is a run as an earlier version of the bot left it.
type Stored struct {
	// Version is the earlier version; 0 is before there was any.
	Version int
	// Step is the name of the step that the run was at.
	Step string
	// State is the state of then, JSON.
	State json.RawMessage
}

// Version says that this is version n of the flow, n > 0: S or the steps are
// not what they were. Runs that an earlier version left in the Store are
// handed to upgrade when something next happens to their customer; it tells
// where they stand now. It may run again for one run, and should do nothing
// else. A run keeps its deadline as long as its step has a limit; from a step
// that was left before the upgrade no way leads back.
//
// Where upgrade is nil or fails, where the step is gone, or where the run is of
// a later version than n, the run ends: the customer is told
// so, and signals get [ErrNoRun]. So stop the old bot before
// the new one starts.
func (f *Flow[S]) Version(n int, upgrade func(old Stored) (step string, state S, err error)) *Flow[S] {
	f.core.wiring("Version")
	if n < 1 || f.core.version != 0 {
		panic(fmt.Sprintf("nostrbot: flow %q: Version: give one number above zero, once", f.core.name))
	}
	f.core.version = n
	if upgrade == nil {
		return f
	}
	f.core.upgrade = func(old Stored) (string, json.RawMessage, error) {
		step, state, err := upgrade(old)
		if err != nil {
			return "", nil, err
		}
		raw, err := json.Marshal(state)
		return step, raw, err
	}
	return f
}

// Start begins a run. It is a [Handler], so that whatever leads to an answer
// can lead to a flow: [Bot.Flow] declares it as a command, and a fallback, a
// middleware or a job of [Bot.Do] may call it.
//
// A run of the same flow that still waits for an answer, and for nothing else,
// ends: the customer begins anew. One that awaits a signal, or that has
// something to do at a cancel, goes on beside the new one. A customer with
// [MaxRuns] runs is told to finish one first.
func (f *Flow[S]) Start(ctx context.Context, m *Message) error { return f.core.start(ctx, m) }

// Signal tells the run with that key (its [Chat].Key) that something happened
// outside: an invoice was settled, a parcel arrived. The step's function for
// the event runs in the customer's mailbox, in turn with their messages.
//
// Each event happens to a run once: nil says that it was committed, now or
// before, even if the run has ended since. So a caller who is not sure calls
// again. That holds for 7 days after the run was last touched.
//
// [ErrNoRun] says that there is no such run (any more): it ended, timed out, was
// cancelled, or grew too old. [ErrNotHandled] says that the run's step does not
// await the event, or not yet. In both cases nothing happened. Where money came
// in, it must go somewhere: never drop ErrNoRun.
//
// A signal may be faster than the commit of the turn that began the run: it
// waits for that turn. Only if that turn failed for good, there is no such run.
//
// Any other error is the function's, with nothing kept, or as [Bot.Do] says. It
// may be called from any goroutine, but not from a handler of the same customer
// ([ErrInMailbox]).
func (f *Flow[S]) Signal(ctx context.Context, key, event string) error {
	return f.core.signal(ctx, key, event)
}

func (f *Flow[S]) flow() *flowCore { return f.core }

// erase hides the author's type: the state goes through JSON between any two
// steps.
func erase[S any](f StepFunc[S]) action {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, m *Message, w *walk) (Next, error) {
		c := &Chat[S]{Message: m, Key: w.Key, State: new(S)}
		if w.State != nil {
			if err := json.Unmarshal(w.State, c.State); err != nil {
				return Next{}, fmt.Errorf("read the state: %w", err)
			}
		}
		next, err := f(ctx, c)
		if err != nil {
			return Next{}, err
		}
		if w.State, err = json.Marshal(c.State); err != nil {
			return Next{}, fmt.Errorf("save the state: %w", err)
		}
		return next, nil
	}
}
