package i18n_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/i18n"
)

func files(nameAndText ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(nameAndText); i += 2 {
		fsys[nameAndText[i]] = &fstest.MapFile{Data: []byte(nameAndText[i+1])}
	}
	return fsys
}

const (
	english = `
greet = "Welcome, {{.Name}}!"
only = "only in English"
["cart"]
one = "{{.Count}} thing"
other = "{{.Count}} things"
`
	polish = `
greet = "Witaj, {{.Name}}!"
[cart]
one = "{{.Count}} rzecz"
few = "{{.Count}} rzeczy (kilka)"
many = "{{.Count}} rzeczy (wiele)"
other = "{{.Count}} rzeczy"
[nostrbot]
usage = "Tak: {{.Usage}}"
`
	brazilian = `{"greet": "Olá, {{.Nome}}!", "cart": {"other": "{{.Count}} coisas"}}`
)

func load(t *testing.T) *i18n.Texts {
	t.Helper()
	texts, err := i18n.Load(files(
		"locales/en.toml", english, "locales/shop.pl.toml", polish, "locales/deep/pt-BR.json", brazilian, "locales/README.md", "x",
	), "en")
	require.NoError(t, err)
	return texts
}

func TestTexts(t *testing.T) {
	t.Parallel()
	texts := load(t)
	count := func(n any) nostrbot.Data { return nostrbot.Data{"Count": n} }
	name := nostrbot.Data{"Name": "Ada"}
	for _, c := range []struct {
		lang, id string
		data     any
		want     string
	}{
		{"en", "cart", count(1), "1 thing"},
		{"en", "cart", count(0), "0 things"},
		{"en-GB", "cart", count("1.5"), "1.5 things"},
		{"pl", "cart", count(1), "1 rzecz"},
		{"pl-PL", "cart", count(3), "3 rzeczy (kilka)"},
		{"pl", "cart", count(5), "5 rzeczy (wiele)"},
		{"pt-BR", "cart", count(1), "1 coisas"},   // its file lacks the form "one"
		{"pt-PT", "cart", count(2), "2 coisas"},   // the closest
		{"ja", "cart", count(2), "2 things"},      // none is close
		{"", "cart", count(2), "2 things"},        // not known
		{"x_?", "cart", count(2), "2 things"},     // no tag
		{"pl", "only", nil, "only in English"},    // not translated
		{"pt-BR", "greet", name, "Welcome, Ada!"}, // its template wants another field
		{"pl", "greet", struct{ Name string }{"Ada"}, "Witaj, Ada!"},
		{"pl", "greet", nil, ""},
		{"pl", "greet", nostrbot.Data{}, ""}, // never "<no value>"
		{"pl", "cart", count(struct{}{}), ""},
		{"pl", "none", nil, ""},
		{"en", "nostrbot.usage", nostrbot.Data{"Usage": "/x"}, ""}, // the library's own
	} {
		got, ok := texts.Text(c.lang, c.id, c.data)
		require.Equal(t, c.want, got, "%+v", c)
		require.Equal(t, c.want != "", ok, "%+v", c)
	}
	require.Equal(t, []string{"en", "pl", "pt-BR"}, texts.Languages())
	for tag, want := range map[string]string{"pl-PL": "pl true", "pt": "pt-BR true", "ja": "en false", "?": "en false", "": "en false", "en": "en true"} {
		lang, ok := texts.Match(tag)
		require.Equal(t, want, fmt.Sprint(lang, " ", ok), tag)
	}
}

func TestTexts_AreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	texts := load(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				_, _ = texts.Text([]string{"en", "pl"}[i%2], "cart", nostrbot.Data{"Count": i})
			}
		})
	}
	wg.Wait()
}

func TestMissing(t *testing.T) {
	t.Parallel()
	missing := load(t).Missing()
	require.NotContains(t, missing, "en")
	own := len(nostrbot.Sentences())
	require.Len(t, missing["pl"], own-1+1)
	require.Contains(t, missing["pl"], "only")
	require.NotContains(t, missing["pl"], "nostrbot.usage")
	require.Len(t, missing["pt-BR"], own+1)

	// A bot that speaks German only has to say the library's sentences in it.
	var all strings.Builder
	all.WriteString("x = \"x\"\n")
	texts, err := i18n.Load(files("de.toml", all.String()), "de")
	require.NoError(t, err)
	require.Len(t, texts.Missing()["de"], own)
	for id, text := range nostrbot.Sentences() {
		fmt.Fprintf(&all, "%q = %q\n", id, text)
	}
	texts, err = i18n.Load(files("de.toml", all.String()), "de")
	require.NoError(t, err)
	require.Empty(t, texts.Missing())
}

// The library's sentences are Go templates: copied into a file, they read as
// before.
func TestSentences_AreTemplatesOfTheFiles(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for id, text := range nostrbot.Sentences() {
		fmt.Fprintf(&all, "%q = %q\n", id, text)
	}
	texts, err := i18n.Load(files("en.toml", all.String()), "en")
	require.NoError(t, err)
	for _, with := range []nostrbot.Texts{nil, texts} {
		bot, err := nostrbot.New(nostrbot.Config{
			Signer: nostrbot.Nsec(strings.Repeat("01", 32)), Relays: []string{"ws://127.0.0.1:1"}, Texts: with,
		})
		require.NoError(t, err)
		bot.Command("pay N:int", "", nostrbot.Say("x"))
		m := nostrbot.NewMessage(nostrbot.PubKey{1}, "id", "pay x")
		require.NoError(t, bot.Answer(context.Background(), m))
		require.Equal(t, []string{"N must be a whole number, such as 12. Usage: /pay N"}, m.Replies())
	}
}

func TestLoad_NamesEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	_, err := i18n.Load(files(
		"klingonese.toml", `x = "x"`,
		"de.toml", `a = "{{.Broken"`,
		"fr.toml", `not toml`,
		"es.toml", `b = "b"`, "more.es.toml", `b = "c"`,
		"it.toml", "[c]\none = \"c\"",
	), "en")
	for _, want := range []string{
		"klingonese.toml: \"klingonese\" is no language", "de.toml: message \"a\": template", "fr.toml: toml",
		"es.toml: message \"b\" is there twice in es", "it.toml: message \"c\" has no text", "no message in the fallback language: add en.toml",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = i18n.Load(files(), "no such thing")
	require.ErrorContains(t, err, "fallback")
}

func FuzzLoad(f *testing.F) {
	f.Add("de.toml", english)
	f.Add("a.pt-BR.json", brazilian)
	f.Add("pl.json", `[{"id":"x","translation":{"other":"y"}}]`)
	f.Add("pl.toml", polish)
	f.Fuzz(func(t *testing.T, name, content string) {
		if !fs.ValidPath(name) || name == "." {
			t.Skip("no name of a file")
		}
		texts, err := i18n.Load(fstest.MapFS{"en.toml": {Data: []byte(english)}, name: {Data: []byte(content)}}, "en")
		if err != nil {
			return
		}
		for _, lang := range texts.Languages() {
			_, _ = texts.Text(lang, "greet", nostrbot.Data{"Name": "x", "Count": 2})
		}
		_ = texts.Missing()
	})
}
