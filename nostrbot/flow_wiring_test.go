package nostrbot_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

func TestFlow_WiringMistakesPanicWithTheRemedy(t *testing.T) {
	t.Parallel()
	type step = nostrbot.Step[int]
	end := nostrbot.End[int]("x")
	fine := step{Name: "a", Text: end}
	flow := func(s ...step) *nostrbot.Flow[int] { return nostrbot.NewFlow("f", s[0], s[1:]...) }
	start := func(f *nostrbot.Flow[int]) {
		_ = f.Start(t.Context(), nostrbot.NewMessage(nostrbot.PubKey{1}, "id", "x"))
	}
	for remedy, wire := range map[string]func(*nostrbot.Bot){
		"name the flow with":       func(*nostrbot.Bot) { nostrbot.NewFlow("My flow", fine) },
		"name it with":             func(*nostrbot.Bot) { flow(step{Text: end}) },
		"give each step its own":   func(*nostrbot.Bot) { flow(fine, fine) },
		"set Text, On or Within":   func(*nostrbot.Bot) { flow(step{Name: "a", Prompt: "?"}) },
		"keep one":                 func(*nostrbot.Bot) { flow(step{Name: "a", Prompt: "?", Text: end, Ask: askNothing}) },
		"set Within":               func(*nostrbot.Bot) { flow(step{Name: "a", Text: end, OnTimeout: end}) },
		"as in 15 * time.Minute":   func(*nostrbot.Bot) { flow(step{Name: "a", Within: 15}) },
		"make it shorter":          func(*nostrbot.Bot) { flow(step{Name: "a", Within: nostrbot.SessionTTL}) },
		"has 1 to 64 bytes":        func(*nostrbot.Bot) { flow(step{Name: "a", On: nostrbot.Signals[int]{"": end}}) },
		"such as nostrbot.End":     func(*nostrbot.Bot) { flow(step{Name: "a", On: nostrbot.Signals[int]{"x": nil}}) },
		"one number above zero":    func(*nostrbot.Bot) { flow(fine).Version(0, nil) },
		"one number above zero, o": func(*nostrbot.Bot) { flow(fine).Version(1, nil).Version(2, nil) },
		"pass one function, once":  func(*nostrbot.Bot) { flow(fine).Begin(nil) },
		"call it before Bot.Flow": func(b *nostrbot.Bot) {
			f := flow(fine)
			b.Flow("x", "", f)
			f.Version(1, nil)
		},
		"make one flow for each": func(b *nostrbot.Bot) {
			f := flow(fine)
			b.Flow("x", "", f)
			b.Flow("y", "", f)
		},
		"rename one of the two": func(b *nostrbot.Bot) {
			b.Flow("x", "", flow(fine))
			b.Flow("y", "", flow(fine))
		},
		"Start: no bot knows the flow; declare it with Bot.Flow first": func(*nostrbot.Bot) { start(flow(fine)) },
		"Signal: no bot knows the flow": func(*nostrbot.Bot) {
			_ = flow(fine).Signal(t.Context(), "key", "x")
		},
	} {
		t.Run(remedy, func(t *testing.T) {
			t.Parallel()
			defer func() {
				text, _ := recover().(string)
				require.Contains(t, text, remedy)
				require.Contains(t, text, "nostrbot: ")
			}()
			wire(newBot(t))
			t.Fatal("did not panic")
		})
	}
}

func askNothing(context.Context, *nostrbot.Chat[int]) error { return nil }

// What a step answers can be wrong at run time only: the author reads where.
func TestFlow_WrongAnswersAreErrors(t *testing.T) {
	t.Parallel()
	for want, next := range map[string]nostrbot.Next{
		`flow "f": step a: there is no step "b"; the steps are a, c`: nostrbot.Go("b"),
		`flow "f": step a: it answered the zero Next`:                {},
	} {
		answer := func(context.Context, *nostrbot.Chat[int]) (nostrbot.Next, error) { return next, nil }
		f := nostrbot.NewFlow("f", nostrbot.Step[int]{Name: "a", Prompt: "?", Text: answer},
			nostrbot.Step[int]{Name: "c", Within: time.Second})
		r := rehearse(func(b *nostrbot.Bot) { b.Flow("f", "", f) }, func(c *nostrbot.Config) { c.Sorry = "sorry" })
		r.expect(t, "/f", "?")
		require.Equal(t, []string{"sorry"}, r.hear("x"))
		require.ErrorContains(t, r.failed[0], want)
		r.close()
	}
	begin := func(context.Context, *nostrbot.Chat[int]) (nostrbot.Next, error) { return nostrbot.Again, nil }
	f := nostrbot.NewFlow("f", nostrbot.Step[int]{Name: "a", Within: time.Second}).Begin(begin)
	r := rehearse(func(b *nostrbot.Bot) { b.Flow("f", "", f) })
	defer r.close()
	r.hear("/f")
	require.ErrorContains(t, r.failed[0], `flow "f": Begin: it answered Again: answer Go or Done`)
}
