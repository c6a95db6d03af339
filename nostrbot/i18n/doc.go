// Package i18n is [nostrbot.Texts] from message files: what a bot says, in its
// customers' languages, with plural forms. It is go-i18n v2 underneath, and
// reads its files: TOML or JSON, named by a BCP 47 tag.
//
//	# locales/en.toml
//	"greet" = "Welcome!"
//	["cart"]
//	one = "{{.Count}} thing in your cart"
//	other = "{{.Count}} things in your cart"
//	["nostrbot"]
//	usage = "Try this: {{.Usage}}"
//
// The library's own sentences have ids too ([nostrbot.Sentences]), and are said
// in the words of the files where these have them.
//
//	//go:embed locales
//	var locales embed.FS
//
//	texts, err := i18n.Load(locales, "en")
//	bot, err := nostrbot.New(nostrbot.Config{Texts: texts, ...})
//	...
//	m.SetLang("pt-BR")
//	m.Say("cart", nostrbot.Data{"Count": 3})
//
// A customer gets the language closest to theirs: "de-AT" reads de.toml, and
// who reads none of the languages gets the fallback, as does a message that
// their language lacks. [Texts.Missing] lists those, for a test:
//
//	func TestTexts(t *testing.T) { require.Empty(t, texts.Missing()) }
package i18n
