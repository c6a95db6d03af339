package nostrbot

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// flowCore is a flow without the author's type.
type flowCore struct {
	name    string
	steps   []*flowStep
	byName  map[string]*flowStep
	begin   action // nil enters the first step
	version int
	upgrade func(old Stored) (step string, state json.RawMessage, err error)
	bot     *Bot // nil until declared
}

type flowStep struct {
	name, prompt string
	ask          action // in place of prompt
	text         action
	on           map[string]action
	within       time.Duration
	onTimeout    action
	onCancel     action
	noBack       bool
}

// action is a StepFunc without the author's type: it reads and writes the
// walk's State.
type action func(ctx context.Context, m *Message, w *walk) (Next, error)

// maxEvent is how long an event's name may be.
const maxEvent = 64

// add checks a step and takes it in; a mistake panics.
func (f *flowCore) add(s *flowStep) {
	if CheckRunKey(f.name) != nil {
		panic(fmt.Sprintf("nostrbot: NewFlow(%q): name the flow with 1 to 40 of [a-z0-9-]", f.name))
	}
	if fault := f.fault(s); fault != "" {
		panic(fmt.Sprintf("nostrbot: NewFlow(%q): step %q: %s", f.name, s.name, fault))
	}
	f.steps = append(f.steps, s)
	f.byName[s.name] = s
}

func (f *flowCore) fault(s *flowStep) string {
	switch {
	case CheckRunKey(s.name) != nil:
		return "name it with 1 to 40 of [a-z0-9-]"
	case f.byName[s.name] != nil:
		return "the name is taken; give each step its own"
	case s.text == nil && len(s.on) == 0 && s.within == 0:
		return "nothing can end it; set Text, On or Within"
	case s.prompt != "" && s.ask != nil:
		return "it has both Prompt and Ask; keep one"
	case s.onTimeout != nil && s.within == 0:
		return "OnTimeout never runs; set Within"
	case s.within != 0 && s.within < time.Second:
		return "Within is below a second; give it as in 15 * time.Minute"
	case s.within >= SessionTTL:
		return fmt.Sprintf("Within is %v, but a run is forgotten after %v; make it shorter", s.within, SessionTTL)
	}
	for _, event := range slices.Sorted(maps.Keys(s.on)) {
		if event == "" || len(event) > maxEvent {
			return fmt.Sprintf("signal %q: an event's name has 1 to %d bytes", event, maxEvent)
		}
		if s.on[event] == nil {
			return fmt.Sprintf("signal %q: the function is nil; pass one, such as nostrbot.End", event)
		}
	}
	return ""
}

func (f *flowCore) wiring(method string) {
	if f.bot != nil {
		panic(fmt.Sprintf("nostrbot: flow %q: %s: call it before Bot.Flow", f.name, method))
	}
}

// declared panics when the flow has no bot: Start and Signal have nowhere to
// go.
func (f *flowCore) declared(method string) *Bot {
	if f.bot == nil {
		panic(fmt.Sprintf("nostrbot: flow %q: %s: no bot knows the flow; declare it with Bot.Flow first", f.name, method))
	}
	return f.bot
}

// step finds a step; the error names those that there are.
func (f *flowCore) step(name string) (*flowStep, error) {
	if s := f.byName[name]; s != nil {
		return s, nil
	}
	var names []string
	for _, s := range f.steps {
		names = append(names, s.name)
	}
	return nil, fmt.Errorf("there is no step %q; the steps are %s", name, strings.Join(names, ", "))
}

// flows are those of one bot.
type flows struct {
	byName   map[string]*flowCore
	converse Handler // takes a customer's text; in the middleware
	starting starting
}

// Flow declares a flow and the command that starts it; pattern and summary are
// as for [Bot.Command].
//
// Who takes what a customer says, while they have runs:
//
//   - A text that begins with a slash is for the commands, always. "/back" and
//     "/cancel" count as the words below unless there are such commands.
//   - The words help, back and cancel, alone and in any case, are for the run
//     that asked last. Help asks its question again. Back returns to the step
//     before, with the state as it was before the answer given there; a
//     signal, a timeout and a step with NoBack cut the way back. Cancel ends
//     the run, if OnCancel lets it. [Config].Texts may have other words, in
//     each language: "nostrbot.flow-cancel-words" and so on, see [Sentences],
//     are words with spaces between.
//   - Any other text is for the run that asked last among those whose step
//     takes text. If that step answers Pass, the next older one gets it.
//   - If the step answers Again, and the text is a command without its slash
//     ("menu"), the command gets it in place of the step, and the run stays as
//     it is. So whatever a step takes for an answer is an answer, even where a
//     command has the same name: a customer who answers a question with "yes"
//     means the question. And what is no answer is not held against a customer
//     who only wanted the menu.
//   - What no run takes is for the commands and the fallback.
//
// A customer's message counts as in time by its own date: what they sent before
// a deadline, while the bot was away, is handled as if it had not been. What
// they sent after it finds the run timed out.
//
// Declaring a flow twice, or two flows of one name, panics, as does what makes
// [Bot.Command] panic.
func (b *Bot) Flow(pattern, summary string, f AnyFlow) {
	b.wiring("Flow")
	core := f.flow()
	switch {
	case core.bot != nil:
		panic(fmt.Sprintf("nostrbot: Flow(%q): flow %q is declared already; make one flow for each declaration", pattern, core.name))
	case b.flows.byName[core.name] != nil:
		panic(fmt.Sprintf("nostrbot: Flow(%q): another flow is named %q; rename one of the two", pattern, core.name))
	}
	b.Command(pattern, summary, core.start)
	core.bot = b
	b.flows.byName[core.name] = core
}
