package nostrbot_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// cup is the state of the test shop's orders.
type cup struct {
	Drink string
	Words []string
}

// cafe has a flow with one step of each kind and keeps the keys of its runs.
type cafe struct {
	orders *nostrbot.Flow[cup]
	keys   []string // of the runs that reached the payment
}

func newCafe() *cafe {
	c := &cafe{}
	c.orders = nostrbot.NewFlow("order",
		nostrbot.Step[cup]{Name: "pick", Prompt: "pick?", Text: c.pick},
		nostrbot.Step[cup]{Name: "words", Prompt: "words?", Text: c.words},
		nostrbot.Step[cup]{Name: "pay", Prompt: "pay!", NoBack: true, On: nostrbot.Signals[cup]{
			"settled": c.settled, "seen": func(context.Context, *nostrbot.Chat[cup]) (nostrbot.Next, error) { return nostrbot.Stay, nil },
		}},
		nostrbot.Step[cup]{Name: "where", Prompt: "where?", Text: nostrbot.End[cup]("coming"), OnCancel: refuse},
	)
	return c
}

func (o *cafe) wire(b *nostrbot.Bot) {
	b.Flow("order", "order a coffee", o.orders)
	b.Command("menu [CC]", "", func(_ context.Context, m *nostrbot.Message) error {
		m.Reply("menu of " + m.Arg("CC"))
		return nil
	})
	b.Command("yes", "", nostrbot.Say("the command yes"))
	b.Fallback(func(_ context.Context, m *nostrbot.Message) error {
		m.Replyf("fallback %q", m.Text)
		return nil
	})
}

func (*cafe) pick(_ context.Context, c *nostrbot.Chat[cup]) (nostrbot.Next, error) {
	c.State.Words = append(c.State.Words, "dropped with Again and Pass")
	switch c.Text {
	case "latte", "espresso", "yes":
		*c.State = cup{Drink: c.Text}
		return nostrbot.Go("words"), nil
	case "hello":
		c.Reply("dropped with Pass")
		return nostrbot.Pass, nil
	}
	c.Replyf("no %s", c.Text)
	return nostrbot.Again, nil
}

// words collects until it hears "enough".
func (o *cafe) words(_ context.Context, c *nostrbot.Chat[cup]) (nostrbot.Next, error) {
	if c.Text == "enough" {
		o.keys = append(o.keys, c.Key)
		c.Replyf("%s %v", c.State.Drink, c.State.Words)
		return nostrbot.Go("pay"), nil
	}
	c.State.Words = append(c.State.Words, c.Text)
	return nostrbot.Stay, nil
}

func (*cafe) settled(_ context.Context, c *nostrbot.Chat[cup]) (nostrbot.Next, error) {
	c.Replyf("paid %s", c.State.Drink)
	return nostrbot.Go("where"), nil
}

func refuse(_ context.Context, c *nostrbot.Chat[cup]) (nostrbot.Next, error) {
	c.Reply("it is paid")
	return nostrbot.Stay, nil
}

// pay walks a run to its payment and returns its key.
func (o *cafe) pay(t *testing.T, r *rehearsal, drink string) string {
	t.Helper()
	r.expect(t, "/order", "pick?")
	r.expect(t, drink, "words?")
	r.expect(t, "enough", drink+" []", "pay!")
	return o.keys[len(o.keys)-1]
}

func TestFlow_WhoTakesWhatACustomerSays(t *testing.T) {
	t.Parallel()
	c := newCafe()
	r := rehearse(c.wire)
	defer r.close()

	// Without a run, flows do not show.
	r.expect(t, "back", `fallback "back"`)
	r.expect(t, "cancel", `fallback "cancel"`)
	r.expect(t, "hello", `fallback "hello"`)

	r.expect(t, "order", "pick?")
	r.expect(t, "tea", "no tea", "pick?")
	r.expect(t, "/menu de", "menu of de")
	r.expect(t, "/nothing", `fallback "/nothing"`)
	r.expect(t, "menu", "menu of ") // no answer, but a command: not held against them
	r.expect(t, "menu de fr", "no menu de fr", "pick?")
	r.expect(t, "hello", `fallback "hello"`) // passed on
	r.expect(t, "yes", "words?")             // an answer, though a command has that name
	r.expect(t, "menu")                      // any text is an answer here
	r.expect(t, "enough", "yes [menu]", "pay!")

	// Nothing takes text now.
	r.expect(t, "hello", `fallback "hello"`)
	r.expect(t, "yes", "the command yes")
}

func TestFlow_HelpBackCancel(t *testing.T) {
	t.Parallel()
	c := newCafe()
	r := rehearse(c.wire)
	defer r.close()

	const help = `Say "back" to go a step back, "cancel" to stop here. /help lists what else I can do.`
	r.expect(t, "/order", "pick?")
	r.expect(t, " Help ", help, "pick?")
	r.expect(t, "back", "There is no way back from here.", "pick?")
	r.expect(t, "latte", "words?")
	r.expect(t, "one")
	r.expect(t, "/back", "pick?") // there is no such command, so it means the word
	r.expect(t, "espresso", "words?")
	r.expect(t, "back please") // an ordinary text
	r.expect(t, "enough", "espresso [back please]", "pay!")
	r.expect(t, "BACK", "There is no way back from here.", "pay!")
	r.expect(t, "cancel", "Cancelled.")
	r.expect(t, "cancel", `fallback "cancel"`)
	require.ErrorIs(t, c.orders.Signal(t.Context(), c.keys[0], "settled"), nostrbot.ErrNoRun)

	key := c.pay(t, r, "latte")
	require.NoError(t, c.orders.Signal(t.Context(), key, "settled"))
	require.Equal(t, []string{"paid latte", "where?"}, r.replies())
	r.expect(t, "cancel", "it is paid")
	r.expect(t, "back", "There is no way back from here.", "where?") // what came from outside, no word undoes
	r.expect(t, "here", "coming")
}

func TestFlow_BackUndoesTheAnswer(t *testing.T) {
	t.Parallel()
	adds := nostrbot.NewFlow("cart", nostrbot.Step[[]string]{Name: "add", Prompt: "what else?",
		Text: func(_ context.Context, c *nostrbot.Chat[[]string]) (nostrbot.Next, error) {
			if c.Text == "show" {
				c.Reply(fmt.Sprint(*c.State))
				return nostrbot.Stay, nil
			}
			*c.State = append(*c.State, c.Text)
			return nostrbot.Go("add"), nil
		}})
	r := rehearse(func(b *nostrbot.Bot) { b.Flow("cart", "", adds) })
	defer r.close()
	r.expect(t, "/cart", "what else?")
	for i := range 12 {
		r.expect(t, fmt.Sprint(i), "what else?")
	}
	for range 8 {
		r.expect(t, "back", "what else?")
	}
	r.expect(t, "show", "[0 1 2 3]")
	r.expect(t, "back", "There is no way back from here.", "what else?") // as far as it is kept
}

// Words, sentences and prompts are in the customer's language.
func TestFlow_SpeaksTheCustomersLanguage(t *testing.T) {
	t.Parallel()
	texts := germanFlows{
		"nostrbot.flow-cancel-words": "abbrechen Stopp", "nostrbot.flow-cancelled": "Abgebrochen.",
		"nostrbot.flow-help": "{{.Back}} und {{.Cancel}}", "name?": "Wie heißen Sie?", "bye": "Bis bald.",
	}
	f := nostrbot.NewFlow("f", nostrbot.Step[int]{Name: "name", Prompt: "name?", Text: nostrbot.End[int]("bye")})
	r := rehearse(func(b *nostrbot.Bot) {
		b.Flow("f", "", f)
		b.Command("german", "", func(_ context.Context, m *nostrbot.Message) error { return m.SetLang("de") })
	}, func(c *nostrbot.Config) { c.Texts = texts })
	defer r.close()
	r.expect(t, "/f", "name?")
	r.expect(t, "cancel", "Cancelled.")
	r.expect(t, "/german")
	r.expect(t, "/f", "Wie heißen Sie?")
	r.expect(t, "help", "back und abbrechen", "Wie heißen Sie?")
	r.expect(t, "stopp", "Abgebrochen.")
	r.expect(t, "/f", "Wie heißen Sie?")
	r.expect(t, "cancel", "Bis bald.") // a word like any other in German
}

// germanFlows is a double of Texts with the messages of one language.
type germanFlows map[string]string

func (g germanFlows) Text(lang, id string, data any) (string, bool) {
	text, ok := g[id]
	if fields, _ := data.(nostrbot.Data); fields != nil {
		for k, v := range fields {
			text = strings.ReplaceAll(text, "{{."+k+"}}", fmt.Sprint(v))
		}
	}
	return text, ok && lang == "de"
}

func TestFlow_SeveralRuns(t *testing.T) {
	t.Parallel()
	c := newCafe()
	r := rehearse(c.wire)
	defer r.close()

	first, second := c.pay(t, r, "latte"), c.pay(t, r, "espresso")
	require.NotEqual(t, first, second)
	r.expect(t, "/order", "pick?")
	r.expect(t, "latte", "words?")
	r.expect(t, "order") // a word like any other at this step
	r.expect(t, "/order", "pick?")
	r.expect(t, "cancel", "Cancelled.") // the run before it ended when it began
	r.expect(t, "hello", `fallback "hello"`)

	// A signal finds its own, and what it asks is asked last.
	require.NoError(t, c.orders.Signal(t.Context(), first, "settled"))
	require.Equal(t, []string{"paid latte", "where?"}, r.replies())
	r.expect(t, "/order", "pick?")
	r.expect(t, "tea", "no tea", "pick?") // the newer one takes it
	r.expect(t, "hello", "coming")        // and passes this on to the older one
	require.NoError(t, c.orders.Signal(t.Context(), second, "settled"))
	require.Equal(t, []string{"paid espresso", "where?"}, r.replies())
	r.expect(t, "tea", "coming") // the last one that asked
	r.expect(t, "tea", "no tea", "pick?")
}

func TestFlow_RunsAreBounded(t *testing.T) {
	t.Parallel()
	c := newCafe()
	r := rehearse(c.wire)
	defer r.close()
	for range nostrbot.MaxRuns {
		c.pay(t, r, "latte")
	}
	const refusal = "Several things of yours are open already. Please finish or cancel one of them first."
	r.expect(t, "/order", refusal)
	r.expect(t, "cancel", "Cancelled.")
	r.expect(t, "/order", "pick?")
	r.expect(t, "/order", "pick?") // takes the place of the one before
}

// The middleware sees each message once, whoever takes it.
func TestFlow_MiddlewareRunsOnce(t *testing.T) {
	t.Parallel()
	c := newCafe()
	var seen []string
	r := rehearse(func(b *nostrbot.Bot) {
		b.Use(func(next nostrbot.Handler) nostrbot.Handler {
			return func(ctx context.Context, m *nostrbot.Message) error {
				seen = append(seen, m.Text)
				return next(ctx, m)
			}
		})
		c.wire(b)
	})
	defer r.close()
	said := []string{"/order", "tea", "menu", "hello", "latte", "back", "cancel", "ping"}
	for _, text := range said {
		r.hear(text)
	}
	require.True(t, slices.Equal(said, seen), "%v", seen)
}

// A step may begin another run, of its own flow too, and go its own way.
func TestFlow_StepMayStartAnotherRun(t *testing.T) {
	t.Parallel()
	var f *nostrbot.Flow[string]
	f = nostrbot.NewFlow("f", nostrbot.Step[string]{Name: "a", Prompt: "a?",
		Text: func(ctx context.Context, c *nostrbot.Chat[string]) (nostrbot.Next, error) {
			if c.Text == "again" {
				return nostrbot.Done, f.Start(ctx, c.Message)
			}
			next := nostrbot.Stay
			if c.Text == "both" {
				next = nostrbot.Go("b")
			}
			*c.State += c.Text
			c.Reply(*c.State)
			return next, f.Start(ctx, c.Message)
		}},
		nostrbot.Step[string]{Name: "b", Prompt: "b?", On: nostrbot.Signals[string]{"x": nostrbot.End[string]("x")}})
	r := rehearse(func(b *nostrbot.Bot) { b.Flow("f", "", f) })
	defer r.close()
	r.expect(t, "/f", "a?")
	r.expect(t, "again", "a?")              // the new run; the old one is done
	r.expect(t, "both", "both", "a?", "b?") // the old one goes on beside
	r.expect(t, "cancel", "Cancelled.")
	r.expect(t, "1", "1", "a?")
	r.expect(t, "cancel", "Cancelled.")
	r.expect(t, "2", "12", "a?") // it stayed, as it said
}

// The author's texts are asked where a panic is caught.
func TestFlow_TextsThatPanicHarmNobodyElse(t *testing.T) {
	t.Parallel()
	c := newCafe()
	r := rehearse(c.wire, func(cfg *nostrbot.Config) { cfg.Texts, cfg.Sorry = brokenWords{}, "sorry" })
	defer r.close()
	r.expect(t, "/order", "pick?")
	for _, text := range []string{"latte", "/cancel"} {
		require.Equal(t, []string{"sorry"}, r.hear(text))
		require.ErrorContains(t, r.failed[0], "broken")
	}
}

// brokenWords is a double of Texts that panics when asked for words.
type brokenWords struct{}

func (brokenWords) Text(_, id string, _ any) (string, bool) {
	if strings.HasSuffix(id, "-words") {
		panic("broken")
	}
	return "", false
}
