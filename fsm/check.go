package fsm

import (
	"errors"
	"slices"
	"strings"
)

// build fills the machine's maps from its rules and returns all faults.
func (m *Machine[S, E]) build(terminal []S) error {
	var faults []error
	fault := func(kind error, state S, event E, detail string) {
		faults = append(faults, &Fault{Kind: kind, State: string(state), Event: string(event), Detail: detail})
	}

	named := make(map[E]bool)
	for _, r := range m.rules {
		if !named[r.On] && !drawable(string(r.On)) {
			fault(ErrName, "", r.On, nameRule)
		}
		named[r.On] = true
		if len(r.From) == 0 {
			fault(ErrNoSource, r.To, r.On, "the rule can never apply: say From which states")
		}
		m.addState(r.To)
		for _, from := range r.From {
			m.addState(from)
			if !m.addEdge(from, r.On, r.To) {
				fault(ErrDuplicate, from, r.On, "one event may leave a state by one rule only")
			}
		}
	}
	for _, s := range m.States() {
		if !drawable(string(s)) {
			fault(ErrName, s, "", nameRule)
		}
	}
	for _, events := range m.events {
		slices.Sort(events)
	}

	const none = "" // no event to name
	if !m.Known(m.initial) {
		fault(ErrNotInTable, m.initial, none, "the initial state must be in a rule")
	} else {
		// Without a start everything is unreachable, which would bury the fault
		// above under its own consequences.
		reached := m.reachable()
		for _, s := range m.States() {
			if !reached[s] {
				fault(ErrUnreachable, s, none, "no way leads here from the initial state")
			}
		}
	}
	for _, s := range m.States() {
		if m.Terminal(s) && !slices.Contains(terminal, s) {
			fault(ErrDeadEnd, s, none, "give it a way out or declare it terminal")
		}
	}
	for _, s := range terminal {
		switch {
		case !m.Known(s):
			fault(ErrNotInTable, s, none, "it is declared terminal but no rule leads to it")
		case !m.Terminal(s):
			fault(ErrNotTerminal, s, none, "remove its rules or its declaration")
		}
	}
	return errors.Join(faults...)
}

func (m *Machine[S, E]) addState(s S) {
	if !m.Known(s) {
		m.events[s] = nil
	}
}

func (m *Machine[S, E]) addEdge(from S, on E, to S) bool {
	key := edge[S, E]{from, on}
	if _, taken := m.next[key]; taken {
		return false
	}
	m.next[key] = to
	m.events[from] = append(m.events[from], on)
	return true
}

func (m *Machine[S, E]) reachable() map[S]bool {
	reached := map[S]bool{m.initial: true}
	for queue := []S{m.initial}; len(queue) > 0; queue = queue[1:] {
		for _, on := range m.events[queue[0]] {
			to := m.next[edge[S, E]{queue[0], on}]
			if !reached[to] {
				reached[to] = true
				queue = append(queue, to)
			}
		}
	}
	return reached
}

const nameRule = "a name is one or more of [A-Za-z0-9_.-]"

// drawable keeps names to what a Mermaid diagram, a log line and a database
// column all take as one word.
func drawable(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return name != "" && strings.Trim(name, letters+"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == ""
}
