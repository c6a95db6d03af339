package nostrbot_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// german is a double of Texts with three messages.
type german struct{}

func (german) Text(lang, id string, data any) (string, bool) {
	text, ok := map[string]string{
		"hello": "hallo", "nostrbot.usage": "So geht es: {{.Usage}}", "ping.summary": "bin ich wach",
	}[id]
	if !strings.HasPrefix(lang, "de") || !ok {
		return "", false
	}
	fields, _ := data.(nostrbot.Data)
	for k, v := range fields {
		text = strings.ReplaceAll(text, "{{."+k+"}}", fmt.Sprint(v))
	}
	return text, true
}

// Every place in a sentence of the library is filled wherever it is said.
func TestSentences_HavePlacesThatAreFilled(t *testing.T) {
	t.Parallel()
	place := regexp.MustCompile(`\{\{\.[A-Z][a-z]+\}\}`)
	for id, text := range nostrbot.Sentences() {
		require.Regexp(t, `^nostrbot\.[a-z-]+$`, id)
		require.NotContains(t, place.ReplaceAllString(text, ""), "{", id)
	}
}

func TestSetLang_TakesTagsOnly(t *testing.T) {
	t.Parallel()
	m := nostrbot.NewMessage(nostrbot.PubKey{1}, "id", "x")
	for _, tag := range []string{"de", "pt-BR", "zh-Hant-TW", "sl-rozaj-1994", ""} {
		require.NoError(t, m.SetLang(tag), tag)
		require.Equal(t, tag, m.Lang())
	}
	require.NoError(t, m.SetLang("de"))
	for _, tag := range []string{"german please", "de_DE", "-de", "de-", "de--AT", "überall", "a-bcdefghij", strings.Repeat("de-", 20) + "de"} {
		require.Error(t, m.SetLang(tag), tag)
		require.Equal(t, "de", m.Lang())
	}
}

// A customer's language survives the bot, and what they had before it.
func TestLang_IsKeptWithTheConversation(t *testing.T) {
	t.Parallel()
	n, store := newNet(t), nostrbot.NewMemory()
	wire := func(b *nostrbot.Bot) {
		b.Command("lang TAG", "", func(_ context.Context, m *nostrbot.Message) error {
			if m.SetLang(m.Arg("TAG")) == nil {
				m.Say("hello", nil)
			} else {
				m.Reply("no such language")
			}
			return nil
		})
		b.Command("hi", "ping.summary", func(_ context.Context, m *nostrbot.Message) error {
			m.Say("hello", nil)
			return nil
		})
	}
	bot, stop := n.run(t, nostrbot.Config{Store: store, Texts: german{}}, wire)
	alice, bob := n.person(t), n.person(t)
	alice.says("hi", nostrbot.NIP17)
	alice.hears("hello") // no text in no language: the id
	alice.says("lang x_y", nostrbot.NIP17)
	alice.hears("no such language")
	alice.says("lang de", nostrbot.NIP17)
	alice.hears("hallo")
	lang, err := bot.Lang(t.Context(), alice.me)
	require.NoError(t, err)
	require.Equal(t, "de", lang)
	stop()

	n.run(t, nostrbot.Config{Store: store, Texts: german{}}, wire)
	alice.says("/hi", nostrbot.NIP04)
	alice.hears("hallo")
	alice.says("/hi a b", nostrbot.NIP04)
	alice.hears("So geht es: /hi")
	alice.says("/help", nostrbot.NIP04)
	alice.hears("/hi - bin ich wach\n/help - what I can do")
	bob.says("/hi a b", nostrbot.NIP17)
	bob.hears("Usage: /hi")
}
