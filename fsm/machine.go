package fsm

import (
	"maps"
	"slices"

	looplab "github.com/looplab/fsm"
)

// Rule says that event On leads from any of the states From to the state To.
// From may contain To.
type Rule[S, E ~string] struct {
	On   E
	From []S
	To   S
}

// FromEvents reads a looplab/fsm definition as typed rules, one per row:
//
//	m, err := fsm.New(Idle, fsm.FromEvents[State, Event](events))
func FromEvents[S, E ~string](events looplab.Events) []Rule[S, E] {
	rules := make([]Rule[S, E], len(events))
	for i, e := range events {
		rules[i] = Rule[S, E]{On: E(e.Name), To: S(e.Dst)}
		for _, from := range e.Src {
			rules[i].From = append(rules[i].From, S(from))
		}
	}
	return rules
}

type edge[S, E ~string] struct {
	from S
	on   E
}

// Machine is a checked table. It never changes after [New] and is safe for
// concurrent use. The zero value has no states.
type Machine[S, E ~string] struct {
	initial S
	rules   []Rule[S, E]
	next    map[edge[S, E]]S
	// events has one entry per state, sorted; a terminal state's is empty.
	events map[S][]E
}

// New checks a table and returns its machine. Every state without a way out
// must be declared terminal. The error joins all faults that were found (see
// [Fault]) and there is then no machine.
func New[S, E ~string](initial S, rules []Rule[S, E], terminal ...S) (*Machine[S, E], error) {
	m := &Machine[S, E]{
		initial: initial,
		next:    make(map[edge[S, E]]S),
		events:  make(map[S][]E),
	}
	for _, r := range rules {
		r.From = slices.Clone(r.From)
		m.rules = append(m.rules, r)
	}
	if err := m.build(terminal); err != nil {
		return nil, err
	}
	return m, nil
}

// Must is [New] for tables in package-level variables: it panics with all
// faults named.
func Must[S, E ~string](initial S, rules []Rule[S, E], terminal ...S) *Machine[S, E] {
	m, err := New(initial, rules, terminal...)
	if err != nil {
		panic("fsm: the table is not valid:\n" + err.Error())
	}
	return m
}

// Next is the state that follows from on event. It is pure: the same question
// always has the same answer. On failure it returns an [*Error] of kind
// [ErrUnknownState] or [ErrRefused], and the state from unchanged. An event
// that the table does not name is refused like one out of place.
func (m *Machine[S, E]) Next(from S, event E) (S, error) {
	if to, ok := m.next[edge[S, E]{from, event}]; ok {
		return to, nil
	}
	return from, m.refuse(from, event)
}

// Can tells whether event leads anywhere from the state from.
func (m *Machine[S, E]) Can(from S, event E) bool {
	_, ok := m.next[edge[S, E]{from, event}]
	return ok
}

// Events lists what may happen in the state from, sorted. It is empty for a
// terminal state and for one that the table does not know.
func (m *Machine[S, E]) Events(from S) []E { return slices.Clone(m.events[from]) }

// States lists every state, sorted.
func (m *Machine[S, E]) States() []S { return slices.Sorted(maps.Keys(m.events)) }

// Initial is the state in which a new run begins.
func (m *Machine[S, E]) Initial() S { return m.initial }

// Known tells whether the table has the state, for reading stored rows.
func (m *Machine[S, E]) Known(state S) bool {
	_, ok := m.events[state]
	return ok
}

// Terminal tells whether the state is an end: known, and without a way out.
func (m *Machine[S, E]) Terminal(state S) bool {
	events, ok := m.events[state]
	return ok && len(events) == 0
}

// Table is the definition in looplab/fsm's terms, in the order given to [New].
// It is a copy.
func (m *Machine[S, E]) Table() looplab.Events {
	table := make(looplab.Events, len(m.rules))
	for i, r := range m.rules {
		table[i] = looplab.EventDesc{Name: string(r.On), Dst: string(r.To)}
		for _, from := range r.From {
			table[i].Src = append(table[i].Src, string(from))
		}
	}
	return table
}

// Mermaid draws the table as a stateDiagram-v2 (https://mermaid.js.org). The
// text is the same for the same table, whatever the order of its rules, so it
// can be kept in the documents and compared in a test.
func (m *Machine[S, E]) Mermaid() string {
	drawing, err := looplab.VisualizeWithType(
		looplab.NewFSM(string(m.initial), m.Table(), nil), looplab.MermaidStateDiagram)
	if err != nil { // only for a diagram type that looplab does not know
		panic("fsm: mermaid: " + err.Error())
	}
	return drawing
}
