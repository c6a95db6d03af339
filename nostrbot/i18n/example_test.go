package i18n_test

import (
	"fmt"
	"testing/fstest"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/i18n"
)

// A program embeds its files; see the package's doc.
func Example() {
	locales := fstest.MapFS{
		"en.toml": {Data: []byte("[cart]\none = \"{{.Count}} thing\"\nother = \"{{.Count}} things\"")},
		"de.toml": {Data: []byte("[cart]\none = \"{{.Count}} Ding\"\nother = \"{{.Count}} Dinge\"")},
	}
	texts, err := i18n.Load(locales, "en")
	if err != nil {
		panic(err)
	}
	for _, lang := range []string{"de-AT", "ja", ""} {
		text, _ := texts.Text(lang, "cart", nostrbot.Data{"Count": 3})
		fmt.Println(text)
	}
	fmt.Println(texts.Missing()["de"][0], "and others")
	// Output:
	// 3 Dinge
	// 3 things
	// 3 things
	// nostrbot.bad-argument and others
}
