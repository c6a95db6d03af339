package demo

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/require"
)

// feed gives the model messages and runs the commands that they lead to, as
// the program would, but for the cursor's blinking.
func feed(m tea.Model, msgs ...tea.Msg) tea.Model {
	for _, msg := range msgs {
		var cmd tea.Cmd
		m, cmd = m.Update(msg)
		m = obey(m, cmd)
	}
	return m
}

func obey(m tea.Model, cmd tea.Cmd) tea.Model {
	if cmd == nil {
		return m
	}
	switch out := cmd().(type) {
	case tea.BatchMsg:
		for _, c := range out {
			m = obey(m, c)
		}
	case shown, wallet:
		m = feed(m, out)
	}
	return m
}

func typed(s string) []tea.Msg {
	return []tea.Msg{tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)}, tea.KeyMsg{Type: tea.KeyEnter}}
}

func TestTerminal_ShowsWhatWasSaidAndTheWallet(t *testing.T) {
	t.Parallel()
	input := textinput.New()
	input.Focus()
	holds := "100 sat"
	var m tea.Model = model{ctx: context.Background(), input: input, history: []string{"welcome"}, Terminal: Terminal{
		Title: "title", Hint: "hint",
		Do: func(_ context.Context, entered string) (string, error) {
			if entered == ":bad" {
				return "", errors.New("no such line")
			}
			holds = "90 sat"
			return indent("you", entered), nil
		},
		Wallet: func(context.Context) string { return holds },
	}}
	require.Empty(t, m.View(), "nothing before the size is known")
	m = feed(m, tea.WindowSizeMsg{Width: 60, Height: 20}, shown("bot> hello"))
	for _, want := range []string{"title", "wallet: 100 sat", "welcome", "bot> hello", "hint"} {
		require.Contains(t, m.View(), want)
	}
	m = feed(m, typed("/menu RO")...)
	require.Contains(t, m.View(), "you> /menu RO")
	require.Contains(t, m.View(), "wallet: 90 sat")
	m = feed(m, typed(":bad")...)
	require.Contains(t, m.View(), "(no such line)")
	m = feed(m, typed("   ")...)
	require.LessOrEqual(t, len(strings.Split(m.View(), "\n")), 20)
	_, cmd := m.Update(tea.KeyMsg{Type: tea.KeyCtrlC})
	require.IsType(t, tea.QuitMsg{}, cmd())
}
