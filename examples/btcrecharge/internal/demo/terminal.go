package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	"github.com/charmbracelet/bubbles/viewport"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
)

// Terminal is a chat in the terminal: history, input line, and what the
// customer's wallet holds.
type Terminal struct {
	// Title stands above the history.
	Title string
	// Hint stands below the input line.
	Hint string
	// Greeting is the first entry of the history.
	Greeting string
	// Do acts on a line that was entered; what it returns is shown.
	Do func(ctx context.Context, entered string) (shown string, err error)
	// Wallet says what the wallet holds; nil when there is none.
	Wallet func(ctx context.Context) string
}

// Screen is a terminal that is being shown.
type Screen struct{ program *tea.Program }

// Open prepares the screen; nothing is shown before Run.
func (t Terminal) Open(ctx context.Context) *Screen {
	input := textinput.New()
	input.Placeholder = "/start"
	input.Focus()
	m := model{Terminal: t, ctx: ctx, input: input}
	if t.Greeting != "" {
		m.history = []string{t.Greeting}
	}
	return &Screen{tea.NewProgram(m, tea.WithContext(ctx), tea.WithAltScreen())}
}

// Run shows the screen until the customer leaves or ctx ends.
func (s *Screen) Run() error {
	_, err := s.program.Run()
	return err
}

// Show adds a line to the history. It may be called from any goroutine while
// Run runs.
func (s *Screen) Show(text string) { s.program.Send(shown(text)) }

// Quit ends Run.
func (s *Screen) Quit() { s.program.Quit() }

type (
	shown  string // a line for the history
	wallet string // what the wallet holds now
)

type model struct {
	Terminal
	ctx     context.Context
	input   textinput.Model
	view    viewport.Model
	history []string
	holds   string
	ready   bool
	width   int
}

var (
	barStyle  = lipgloss.NewStyle().Bold(true).Reverse(true).Padding(0, 1)
	hintStyle = lipgloss.NewStyle().Faint(true)
	youStyle  = lipgloss.NewStyle().Foreground(lipgloss.Color("6"))
)

func (m model) Init() tea.Cmd { return tea.Batch(textinput.Blink, m.askWallet) }

func (m model) askWallet() tea.Msg {
	if m.Wallet == nil {
		return nil
	}
	return wallet(m.Wallet(m.ctx))
}

func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmds []tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width = msg.Width
		height := max(1, msg.Height-4) // title, blank, input, hint
		if !m.ready {
			m.view, m.ready = viewport.New(msg.Width, height), true
		}
		m.view.Width, m.view.Height = msg.Width, height
		m.input.Width = max(1, msg.Width-4)
		m.redraw()
	case tea.KeyMsg:
		switch msg.Type {
		case tea.KeyCtrlC, tea.KeyEsc:
			return m, tea.Quit
		case tea.KeyEnter:
			entered := m.input.Value()
			if strings.TrimSpace(entered) == "" {
				break
			}
			m.input.Reset()
			cmds = append(cmds, m.act(entered))
		}
	case shown:
		m.history = append(m.history, string(msg))
		m.redraw()
		cmds = append(cmds, m.askWallet)
	case wallet:
		m.holds = string(msg)
	}
	var cmd tea.Cmd
	m.input, cmd = m.input.Update(msg)
	cmds = append(cmds, cmd)
	if _, key := msg.(tea.KeyMsg); !key || scrolls(msg) {
		m.view, cmd = m.view.Update(msg)
		cmds = append(cmds, cmd)
	}
	return m, tea.Batch(cmds...)
}

// scrolls keeps letters out of the viewport, which would scroll by them.
func scrolls(msg tea.Msg) bool {
	k, ok := msg.(tea.KeyMsg)
	return ok && (k.Type == tea.KeyPgUp || k.Type == tea.KeyPgDown || k.Type == tea.KeyUp || k.Type == tea.KeyDown)
}

// act runs off the screen's goroutine, so that the screen stays alive.
func (m model) act(entered string) tea.Cmd {
	return func() tea.Msg {
		text, err := m.Do(m.ctx, entered)
		if err != nil {
			text = strings.TrimPrefix(text+"\n", "\n") + "(" + err.Error() + ")"
		}
		if text == "" {
			return m.askWallet()
		}
		return shown(text)
	}
}

func (m *model) redraw() {
	if !m.ready {
		return
	}
	var b strings.Builder
	for _, entry := range m.history {
		block := lipgloss.NewStyle().Width(m.width).Render(entry)
		if strings.HasPrefix(entry, "you>") {
			block = youStyle.Render(block)
		}
		b.WriteString(block + "\n\n")
	}
	m.view.SetContent(b.String())
	m.view.GotoBottom()
}

func (m model) View() string {
	if !m.ready {
		return ""
	}
	title := m.Title
	if m.holds != "" {
		title = fmt.Sprintf("%s   wallet: %s", title, m.holds)
	}
	return strings.Join([]string{
		barStyle.Width(m.width).MaxHeight(1).Render(title),
		m.view.View(),
		m.input.View(),
		hintStyle.MaxHeight(1).MaxWidth(m.width).Render(m.Hint),
	}, "\n")
}
