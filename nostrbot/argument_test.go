package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// ask gives the bot one message and returns the answers.
func ask(t *testing.T, b *nostrbot.Bot, text string) string {
	t.Helper()
	m := nostrbot.NewMessage(nostrbot.PubKey{1}, text, text)
	require.NoError(t, b.Answer(t.Context(), m))
	return strings.Join(m.Replies(), "|")
}

type country string

func parseCountry(s string) (country, error) {
	if len(s) != 2 {
		return "", errors.New("secret detail")
	}
	return country(strings.ToUpper(s)), nil
}

func TestArg_IsWhatThePatternSays(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	nostrbot.ArgType(b, "country", "a country such as RO", parseCountry)
	nostrbot.ArgType(b, "line", "some words", func(s string) (int, error) { return len(strings.Fields(s)), nil })
	b.Command("pay AMOUNT:int TO:npub [CC:country]", "", func(_ context.Context, m *nostrbot.Message) error {
		m.Replyf("%d %s %q", nostrbot.Arg[int](m, "AMOUNT"), nostrbot.Arg[nostrbot.PubKey](m, "TO").Npub(), nostrbot.Arg[country](m, "CC"))
		return nil
	})
	b.Command("count [N:line...]", "", func(_ context.Context, m *nostrbot.Message) error {
		m.Replyf("%d of %q", nostrbot.Arg[int](m, "N"), m.Arg("N"))
		return nil
	})
	npub := nostrbot.PubKey{2}.Npub()
	const usage = " Usage: /pay AMOUNT TO [CC]"
	for text, want := range map[string]string{
		"pay -12 " + npub:              fmt.Sprintf("-12 %s %q", npub, ""),
		"/pay 7 nostr:" + npub + " ro": fmt.Sprintf("7 %s %q", npub, "RO"),
		"pay 12.5 " + npub:             "AMOUNT must be a whole number, such as 12." + usage,
		"pay 99999999999999999999 x":   "AMOUNT must be a whole number, such as 12." + usage,
		"/pay 12 bob":                  "TO must be somebody's public key, which begins with npub1." + usage,
		"pay 12 " + npub + " romania":  "CC must be a country such as RO." + usage,
		"/pay 12":                      "Usage: /pay AMOUNT TO [CC]",
		"count a b  c":                 `3 of "a b c"`,
		"count":                        `0 of ""`,
	} {
		require.Equal(t, want, ask(t, b, text), "%q", text)
	}
}

func TestArg_MistakesOfTheProgramPanic(t *testing.T) {
	t.Parallel()
	for remedy, h := range map[string]nostrbot.Handler{
		"no such argument":    func(_ context.Context, m *nostrbot.Message) error { nostrbot.Arg[int](m, "M"); return nil },
		"use Arg[int]":        func(_ context.Context, m *nostrbot.Message) error { nostrbot.Arg[string](m, "N"); return nil },
		"pattern makes it a ": func(_ context.Context, m *nostrbot.Message) error { nostrbot.Arg[any](m, "N"); return nil },
	} {
		b := newBot(t)
		b.Command("x [N:int]", "", h)
		require.Contains(t, panicText(func() { _ = b.Answer(t.Context(), nostrbot.NewMessage(nostrbot.PubKey{1}, "", "x")) }), remedy)
	}
}

func panicText(f func()) (text string) {
	defer func() { text, _ = recover().(string) }()
	f()
	return "did not panic"
}

// What the author's parse does wrong ends the run of the handler, not the bot.
func TestArgType_ParseThatPanicsIsAFailedRun(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{Attempts: 1, Sorry: "sorry"}, func(b *nostrbot.Bot) {
		ping(b)
		nostrbot.ArgType(b, "bad", "anything", func(string) (int, error) { panic("boom") })
		b.Command("x N:bad", "", nostrbot.Say("x"))
	})
	alice := n.person(t)
	alice.says("x 1", nostrbot.NIP17)
	alice.hears("sorry")
	alice.hearsNothing(nostrbot.NIP17)
}
