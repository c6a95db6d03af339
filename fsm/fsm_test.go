package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	looplab "github.com/looplab/fsm"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/fsm"
)

type (
	state string
	event string
	rule  = fsm.Rule[state, event]
	from  = []state
)

func door() []rule {
	return []rule{
		{On: "open", From: from{"closed"}, To: "opened"},
		{On: "close", From: from{"opened", "closed"}, To: "closed"},
		{On: "lock", From: from{"closed"}, To: "locked"},
	}
}

func TestNextAnswersFromTheTable(t *testing.T) {
	t.Parallel()
	m, err := fsm.New("closed", door(), "locked")
	require.NoError(t, err)

	to, err := m.Next("closed", "open")
	require.NoError(t, err)
	require.Equal(t, state("opened"), to)

	to, err = m.Next("closed", "close")
	require.NoError(t, err, "a self transition is a success")
	require.Equal(t, state("closed"), to)

	require.Equal(t, from{"closed", "locked", "opened"}, m.States())
	require.Equal(t, []event{"close", "lock", "open"}, m.Events("closed"))
	require.Empty(t, m.Events("locked"))
	require.Empty(t, m.Events("ajar"))
	require.Equal(t, state("closed"), m.Initial())
	require.True(t, m.Terminal("locked"))
	require.False(t, m.Terminal("closed"))
	require.False(t, m.Terminal("ajar"), "an unknown state is no end")
	require.True(t, m.Known("opened"))
	require.False(t, m.Known("ajar"))
	require.True(t, m.Can("closed", "lock"))
	require.False(t, m.Can("opened", "lock"))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	m := fsm.Must("closed", door(), "locked")
	for _, tt := range []struct {
		from    state
		on      event
		kind    error
		allowed []string
		text    string
	}{
		{"opened", "lock", fsm.ErrRefused, []string{"close"}, `"lock" in state "opened": allowed: close`},
		{"closed", "kick", fsm.ErrRefused, []string{"close", "lock", "open"}, "allowed: close, lock, open"},
		{"locked", "open", fsm.ErrRefused, nil, "the state is terminal"},
		{"ajar", "open", fsm.ErrUnknownState, nil, `state "ajar"`},
		{"", "open", fsm.ErrUnknownState, nil, `state ""`},
	} {
		to, err := m.Next(tt.from, tt.on)
		require.Equal(t, tt.from, to, "a refusal leaves the state")
		require.ErrorIs(t, err, tt.kind)
		require.ErrorContains(t, err, tt.text)
		var e *fsm.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, tt.kind, e.Kind)
		require.Equal(t, string(tt.from), e.From)
		require.Equal(t, string(tt.on), e.Event)
		require.Equal(t, tt.allowed, e.Allowed)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		initial  state
		rules    []rule
		terminal from
		want     *fsm.Fault
	}{
		"no rules":           {"a", nil, nil, &fsm.Fault{Kind: fsm.ErrNotInTable, State: "a"}},
		"empty initial":      {"", []rule{{On: "x", From: from{"a"}, To: "a"}}, nil, &fsm.Fault{Kind: fsm.ErrNotInTable}},
		"initial elsewhere":  {"b", []rule{{On: "x", From: from{"a"}, To: "a"}}, nil, &fsm.Fault{Kind: fsm.ErrNotInTable, State: "b"}},
		"empty event":        {"a", []rule{{On: "", From: from{"a"}, To: "a"}}, nil, &fsm.Fault{Kind: fsm.ErrName}},
		"empty source":       {"a", []rule{{On: "x", From: from{"a", ""}, To: "a"}}, nil, &fsm.Fault{Kind: fsm.ErrName}},
		"empty target":       {"a", []rule{{On: "x", From: from{"a"}, To: ""}}, nil, &fsm.Fault{Kind: fsm.ErrName}},
		"undrawable state":   {"a", []rule{{On: "x", From: from{"a"}, To: "a\n[*] --> b"}}, nil, &fsm.Fault{Kind: fsm.ErrName, State: "a\n[*] --> b"}},
		"undrawable event":   {"a", []rule{{On: "x: y", From: from{"a"}, To: "a"}}, nil, &fsm.Fault{Kind: fsm.ErrName, Event: "x: y"}},
		"no source":          {"a", []rule{{On: "x", From: from{"a"}, To: "a"}, {On: "y", To: "a"}}, nil, &fsm.Fault{Kind: fsm.ErrNoSource, State: "a", Event: "y"}},
		"two targets":        {"a", []rule{{On: "x", From: from{"a"}, To: "a"}, {On: "x", From: from{"a"}, To: "b"}}, from{"b"}, &fsm.Fault{Kind: fsm.ErrDuplicate, State: "a", Event: "x"}},
		"the same twice":     {"a", []rule{{On: "x", From: from{"a"}, To: "a"}, {On: "x", From: from{"a"}, To: "a"}}, nil, &fsm.Fault{Kind: fsm.ErrDuplicate, State: "a", Event: "x"}},
		"twice in one rule":  {"a", []rule{{On: "x", From: from{"a", "a"}, To: "a"}}, nil, &fsm.Fault{Kind: fsm.ErrDuplicate, State: "a", Event: "x"}},
		"unreachable":        {"a", []rule{{On: "x", From: from{"a", "b"}, To: "a"}}, nil, &fsm.Fault{Kind: fsm.ErrUnreachable, State: "b"}},
		"unreachable circle": {"a", []rule{{On: "x", From: from{"a"}, To: "a"}, {On: "x", From: from{"b"}, To: "c"}, {On: "x", From: from{"c"}, To: "b"}}, nil, &fsm.Fault{Kind: fsm.ErrUnreachable, State: "c"}},
		"dead end":           {"a", []rule{{On: "x", From: from{"a"}, To: "b"}}, nil, &fsm.Fault{Kind: fsm.ErrDeadEnd, State: "b"}},
		"way out":            {"a", []rule{{On: "x", From: from{"a"}, To: "b"}, {On: "x", From: from{"b"}, To: "a"}}, from{"b"}, &fsm.Fault{Kind: fsm.ErrNotTerminal, State: "b"}},
		"way out to itself":  {"a", []rule{{On: "x", From: from{"a", "b"}, To: "b"}}, from{"b"}, &fsm.Fault{Kind: fsm.ErrNotTerminal, State: "b"}},
		"terminal elsewhere": {"a", []rule{{On: "x", From: from{"a"}, To: "a"}}, from{"z"}, &fsm.Fault{Kind: fsm.ErrNotInTable, State: "z"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := fsm.New(tt.initial, tt.rules, tt.terminal...)
			require.Nil(t, m)
			require.True(t, slices.ContainsFunc(faults(err), func(f *fsm.Fault) bool {
				return f.Kind == tt.want.Kind && f.State == tt.want.State && (tt.want.Event == "" || f.Event == tt.want.Event)
			}), "want %v in:\n%v", tt.want, err)
			require.ErrorIs(t, err, tt.want.Kind)
			require.Panics(t, func() { fsm.Must(tt.initial, tt.rules, tt.terminal...) })
		})
	}
}

func TestNewNamesAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := fsm.New("a", []rule{
		{On: "go", From: from{"a"}, To: "b"},
		{On: "go", From: from{"a"}, To: "a"},
		{On: "no way", From: from{"island"}, To: "b"},
	}, "a", "nowhere")
	require.EqualError(t, err, strings.Join([]string{
		`fsm: duplicate transition: state "a": event "go": one event may leave a state by one rule only`,
		`fsm: bad name: event "no way": a name is one or more of [A-Za-z0-9_.-]`,
		`fsm: unreachable state: state "island": no way leads here from the initial state`,
		`fsm: dead end: state "b": give it a way out or declare it terminal`,
		`fsm: terminal state has a way out: state "a": remove its rules or its declaration`,
		`fsm: state is not in the table: state "nowhere": it is declared terminal but no rule leads to it`,
	}, "\n"))
	require.PanicsWithValue(t, "fsm: the table is not valid:\n"+
		`fsm: dead end: state "b": give it a way out or declare it terminal`,
		func() { fsm.Must("a", []rule{{On: "go", From: from{"a"}, To: "b"}}) })
}

func faults(err error) []*fsm.Fault {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var out []*fsm.Fault
	for _, e := range joined.Unwrap() {
		var f *fsm.Fault
		if errors.As(e, &f) {
			out = append(out, f)
		}
	}
	return out
}

func TestTheMachineSharesNothing(t *testing.T) {
	t.Parallel()
	rules := door()
	m := fsm.Must("closed", rules, "locked")
	want := m.Mermaid()

	rules[0].From[0], rules[1].To = "x", "y"
	m.Events("closed")[0] = "x"
	m.States()[0] = "x"
	m.Table()[0].Src[0] = "x"

	require.Equal(t, want, m.Mermaid())
	require.Equal(t, []event{"close", "lock", "open"}, m.Events("closed"))
}

// table draws a valid table: state i is reached from one below it, more rules
// are thrown in, and what has no way out is declared.
func table(t *rapid.T) (looplab.Events, []string) {
	n := rapid.IntRange(1, 8).Draw(t, "states")
	name := func(i int) string { return fmt.Sprintf("s%d", i) }
	taken := map[[2]string]bool{}
	var events looplab.Events
	add := func(on, src, dst string) {
		if !taken[[2]string{on, src}] {
			taken[[2]string{on, src}] = true
			events = append(events, looplab.EventDesc{Name: on, Src: []string{src}, Dst: dst})
		}
	}
	add("loop", name(0), name(0))
	for i := 1; i < n; i++ {
		add(fmt.Sprintf("to%d", i), name(rapid.IntRange(0, i-1).Draw(t, "from")), name(i))
	}
	for range rapid.IntRange(0, 20).Draw(t, "more") {
		add(fmt.Sprintf("e%d", rapid.IntRange(0, 5).Draw(t, "event")),
			name(rapid.IntRange(0, n-1).Draw(t, "src")), name(rapid.IntRange(0, n-1).Draw(t, "dst")))
	}
	var terminal []string
	for i := range n {
		if !slices.ContainsFunc(events, func(e looplab.EventDesc) bool { return e.Src[0] == name(i) }) {
			terminal = append(terminal, name(i))
		}
	}
	return rapid.Permutation(events).Draw(t, "order"), terminal
}

func TestAgreesWithLooplab(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events, terminal := table(t)
		m, err := fsm.New("s0", fsm.FromEvents[string, string](events), terminal...)
		require.NoError(t, err)
		require.Equal(t, events, m.Table())

		names := []string{"nonsense"}
		for _, e := range events {
			names = append(names, e.Name)
		}
		for _, s := range m.States() {
			oracle := looplab.NewFSM(s, events, nil)
			allowed := oracle.AvailableTransitions()
			slices.Sort(allowed)
			require.Equal(t, allowed, m.Events(s))
			for _, e := range names {
				oracle := looplab.NewFSM(s, events, nil)
				want := oracle.Event(context.Background(), e)
				var same looplab.NoTransitionError
				ok := want == nil || errors.As(want, &same)

				to, err := m.Next(s, e)
				require.Equal(t, ok, err == nil, "%s in %s: looplab says %v, we say %v", e, s, want, err)
				require.Equal(t, ok, m.Can(s, e))
				require.Equal(t, oracle.Current(), to)
			}
		}
		drawing, err := looplab.VisualizeWithType(looplab.NewFSM("s0", events, nil), looplab.MermaidStateDiagram)
		require.NoError(t, err)
		require.Equal(t, drawing, m.Mermaid())
	})
}

func TestDamagedTablesAreRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events, terminal := table(t)
		damage := rapid.SampledFrom([]error{fsm.ErrDuplicate, fsm.ErrUnreachable, fsm.ErrDeadEnd, fsm.ErrNotTerminal, fsm.ErrNoSource}).Draw(t, "damage")
		switch damage {
		case fsm.ErrDuplicate:
			events = append(events, rapid.SampledFrom(events).Draw(t, "twice"))
		case fsm.ErrUnreachable:
			events = append(events, looplab.EventDesc{Name: "swim", Src: []string{"island"}, Dst: "s0"})
		case fsm.ErrDeadEnd:
			events = append(events, looplab.EventDesc{Name: "fall", Src: []string{"s0"}, Dst: "pit"})
		case fsm.ErrNotTerminal:
			terminal = append(terminal, "s0")
		case fsm.ErrNoSource:
			events = append(events, looplab.EventDesc{Name: "never", Dst: "s0"})
		}
		_, err := fsm.New("s0", fsm.FromEvents[string, string](events), terminal...)
		require.ErrorIs(t, err, damage)
	})
}

func TestNextDoesNotAllocate(t *testing.T) {
	m := fsm.Must("closed", door(), "locked")
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = m.Next("closed", "open") }))
}

func BenchmarkNext(b *testing.B) {
	m := fsm.Must("closed", door(), "locked")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Next("closed", "open"); err != nil {
			b.Fatal(err)
		}
	}
}
