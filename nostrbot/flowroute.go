package nostrbot

import (
	"context"
	"slices"
	"strings"
)

// route finds the handler for a customer's text: a run or a command. Like the
// router's, it runs nothing of the author's.
func (b *Bot) route(m *Message) Handler {
	if len(m.walks.all) == 0 || slashed(m) && b.router.takes(m.Text) {
		return b.router.route(m)
	}
	return b.flows.converse
}

func slashed(m *Message) bool { return strings.HasPrefix(strings.TrimSpace(m.Text), "/") }

// converse lets the runs take a text; see [Bot.Flow] for who takes what.
func (b *Bot) converse(ctx context.Context, m *Message) error {
	if act := b.word(m); act != nil {
		w := m.walks.all[len(m.walks.all)-1]
		return act(b.flows.byName[w.Flow], ctx, m, w)
	}
	if slashed(m) {
		return b.router.route(m)(ctx, m)
	}
	command := b.router.takes(m.Text)
	for _, w := range slices.Backward(slices.Clone(m.walks.all)) {
		f := b.flows.byName[w.Flow]
		s := f.byName[w.Step]
		if s.text == nil {
			continue
		}
		before, replies := w.State, len(m.replies)
		next, err := f.act(ctx, m, w, s.text)
		if err != nil {
			return err
		}
		if next != Pass && (next != Again || !command) {
			return f.follow(ctx, m, w, before, byText, next)
		}
		w.State, m.replies = before, m.replies[:replies]
		if next == Again {
			break
		}
	}
	return b.router.route(m)(ctx, m)
}

// wordFunc is what help, back or cancel do to the run that asked last.
type wordFunc func(f *flowCore, ctx context.Context, m *Message, w *walk) error

// word tells what a text means in any flow; nil when it is an ordinary one.
func (b *Bot) word(m *Message) wordFunc {
	word, _ := strings.CutPrefix(strings.ToLower(strings.TrimSpace(m.Text)), "/")
	switch {
	case slices.Contains(words(m, textWordsHelp), word):
		return (*flowCore).customerHelp
	case slices.Contains(words(m, textWordsBack), word):
		return (*flowCore).customerBack
	case slices.Contains(words(m, textWordsCancel), word):
		return (*flowCore).customerCancel
	}
	return nil
}

// words are those of a text with words between spaces, in the customer's
// language.
func words(m *Message, id string) []string { return strings.Fields(strings.ToLower(m.translate(id))) }

func firstWord(m *Message, id string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(m.translate(id)), " ")
	return first
}

func (f *flowCore) customerHelp(ctx context.Context, m *Message, w *walk) error {
	m.Say(textFlowHelp, Data{"Back": firstWord(m, textWordsBack), "Cancel": firstWord(m, textWordsCancel)})
	return f.ask(ctx, m, w, f.byName[w.Step])
}

func (f *flowCore) customerBack(ctx context.Context, m *Message, w *walk) error {
	return f.move(ctx, m, w, byText, always(Back))
}

func (f *flowCore) customerCancel(ctx context.Context, m *Message, w *walk) error {
	act := always(Cancel)
	if s := f.byName[w.Step]; s.onCancel != nil {
		act = s.onCancel
	}
	return f.move(ctx, m, w, byText, act)
}

// always is an action that answers the same each time.
func always(n Next) action {
	return func(context.Context, *Message, *walk) (Next, error) { return n, nil }
}
