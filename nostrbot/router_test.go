package nostrbot_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

func newBot(t *testing.T) *nostrbot.Bot {
	t.Helper()
	bot, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec(strings.Repeat("01", 32)), Relays: []string{"ws://127.0.0.1:1"},
	})
	require.NoError(t, err)
	return bot
}

func TestNew_NamesEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	_, err := nostrbot.New(nostrbot.Config{Parallel: -1})
	require.ErrorContains(t, err, "Signer")
	require.ErrorContains(t, err, "Relays")
	require.ErrorContains(t, err, "Parallel")

	_, err = nostrbot.New(nostrbot.Config{Signer: nostrbot.Nsec("nsec1wrong"), Relays: []string{"http://x"}})
	require.ErrorContains(t, err, "Signer")
	require.ErrorContains(t, err, "http://x")
	require.NotContains(t, err.Error(), "nsec1wrong")
}

func TestWiringMistakesPanicWithTheRemedy(t *testing.T) {
	t.Parallel()
	h := nostrbot.Say("x")
	for remedy, wire := range map[string]func(*nostrbot.Bot){
		"declared already": func(b *nostrbot.Bot) { b.Command("ping", "", h); b.Command("ping", "", h) },
		"rename one":       func(b *nostrbot.Bot) { b.Command("a|b", "", h); b.Command("b", "", h) },
		"pass a function":  func(b *nostrbot.Bot) { b.Command("ping", "", nil) },
		"pattern is empty": func(b *nostrbot.Bot) { b.Command(" ", "", h) },
		"without the slash": func(b *nostrbot.Bot) {
			b.Command("/ping", "", h)
		},
		"put the optional ones last": func(b *nostrbot.Bot) { b.Command("x [A] B", "", h) },
		"put it last":                func(b *nostrbot.Bot) { b.Command("x A... B", "", h) },
		"give each its own name":     func(b *nostrbot.Bot) { b.Command("x A A", "", h) },
		"write NAME":                 func(b *nostrbot.Bot) { b.Command("x [A", "", h) },
		"before the first Command": func(b *nostrbot.Bot) {
			b.Command("ping", "", h)
			b.Use(nostrbot.MaxText(1))
		},
		"with ArgType":      func(b *nostrbot.Bot) { b.Command("x A:sku", "", h) },
		"by one word":       func(b *nostrbot.Bot) { nostrbot.ArgType(b, "a b", "h", strconv.Atoi) },
		"another name":      func(b *nostrbot.Bot) { nostrbot.ArgType(b, "int", "h", strconv.Atoi) },
		"give a hint":       func(b *nostrbot.Bot) { nostrbot.ArgType(b, "x", "", strconv.Atoi) },
		"positive duration": func(*nostrbot.Bot) { nostrbot.MaxAge(0, "") },
		"pass functions":    func(b *nostrbot.Bot) { b.Use(nil) },
		"declare everything before Run": func(b *nostrbot.Bot) {
			_ = b.Answer(context.Background(), nostrbot.NewMessage(nostrbot.PubKey{1}, "", "x"))
			b.Command("x", "", h)
		},
		"or it would not apply": func(b *nostrbot.Bot) {
			g := b.Group()
			g.Group().Command("x", "", h)
			g.Use(nostrbot.MaxText(1))
		},
		"once":            func(b *nostrbot.Bot) { b.Fallback(h); b.Fallback(h) },
		"positive number": func(*nostrbot.Bot) { nostrbot.MaxText(0) },
		"give the state a name": func(*nostrbot.Bot) {
			nostrbot.WithState("", func(context.Context, *nostrbot.Chat[int]) error { return nil })
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

func TestHelp_ListsTheDeclarations(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	b.Command("menu [CC]", "countries", nostrbot.Say("m"))
	b.Command("say WORDS...", "repeat", nostrbot.Say("s"))
	b.Command("confirm|yes|y", "go ahead", nostrbot.Say("c"))
	b.Command("secret", "", nostrbot.Say("x"))
	require.Equal(t, "/menu [CC] - countries\n/say WORDS... - repeat\n/confirm - go ahead", b.Help())
}
