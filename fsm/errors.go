package fsm

import (
	"errors"
	"fmt"
	"strings"
)

// Kinds of [*Error], for errors.Is.
var (
	// ErrRefused means that the event is not allowed in this state.
	ErrRefused = errors.New("event refused")
	// ErrUnknownState means that the table does not have the state: a stored
	// row of another version, or a mistake.
	ErrUnknownState = errors.New("unknown state")
)

// Error is what [Machine.Next] returns.
type Error struct {
	// Kind is ErrRefused or ErrUnknownState.
	Kind error
	// From and Event are what was asked.
	From, Event string
	// Allowed is what may happen in From, sorted; empty in a terminal state
	// and with ErrUnknownState.
	Allowed []string
}

// Error names the state, the event and what would be allowed.
func (e *Error) Error() string {
	s := fmt.Sprintf("fsm: %v: %q in state %q", e.Kind, e.Event, e.From)
	switch {
	case e.Kind == ErrUnknownState:
		return s
	case len(e.Allowed) == 0:
		return s + ": the state is terminal"
	default:
		return s + ": allowed: " + strings.Join(e.Allowed, ", ")
	}
}

// Unwrap is the kind.
func (e *Error) Unwrap() error { return e.Kind }

func (m *Machine[S, E]) refuse(from S, event E) error {
	err := &Error{Kind: ErrRefused, From: string(from), Event: string(event)}
	events, known := m.events[from]
	if !known {
		err.Kind = ErrUnknownState
	}
	for _, e := range events {
		err.Allowed = append(err.Allowed, string(e))
	}
	return err
}

// Fault is one thing wrong with a table, found by [New]. The error of New
// joins them; errors.As finds the first.
type Fault struct {
	// Kind is one of the values below.
	Kind error
	// State and Event say where; either may be empty.
	State, Event string
	// Detail says what to do about it.
	Detail string
}

// Kinds of [*Fault], for errors.Is.
var (
	ErrName        = errors.New("bad name")
	ErrNoSource    = errors.New("rule without a source state")
	ErrDuplicate   = errors.New("duplicate transition")
	ErrUnreachable = errors.New("unreachable state")
	ErrDeadEnd     = errors.New("dead end")
	ErrNotTerminal = errors.New("terminal state has a way out")
	ErrNotInTable  = errors.New("state is not in the table")
)

// Error says what is wrong, where, and what to do.
func (f *Fault) Error() string {
	s := "fsm: " + f.Kind.Error()
	if f.State != "" || f.Event == "" {
		s += fmt.Sprintf(": state %q", f.State)
	}
	if f.Event != "" || f.State == "" {
		s += fmt.Sprintf(": event %q", f.Event)
	}
	return s + ": " + f.Detail
}

// Unwrap is the kind.
func (f *Fault) Unwrap() error { return f.Kind }
