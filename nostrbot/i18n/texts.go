package i18n

import (
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"

	"github.com/dmshop/dmshop/nostrbot"
)

// Texts are the messages of all languages. They are made by [Load], do not
// change, and are safe for concurrent use.
type Texts struct {
	languages  []language.Tag // the fallback first
	ids        []map[string]bool
	localizers []*i18n.Localizer
	matcher    language.Matcher
}

var _ nostrbot.Texts = (*Texts)(nil)

// A place that data does not fill is an error, not "<no value>" in front of a
// customer.
var parser = &template.TextParser{Option: "missingkey=error"}

// Text implements [nostrbot.Texts]. data fills the places of the message, which
// is a Go template. Where data is a [nostrbot.Data] and has a "Count", a
// number, that chooses the plural form; a form that the message lacks is
// "other". A message whose places data does not fill is looked for in the
// fallback language, and then not there.
func (t *Texts) Text(lang, id string, data any) (text string, ok bool) {
	config := i18n.LocalizeConfig{MessageID: id, TemplateData: data, TemplateParser: parser}
	if fields, ok := data.(nostrbot.Data); ok {
		config.PluralCount = fields["Count"]
	}
	for _, i := range []int{t.match(lang), 0} {
		// go-i18n gives a text together with an error when it had to fall
		// back; without a text there is none.
		if text, _ = t.localizers[i].Localize(&config); text != "" {
			return text, true
		}
	}
	return "", false
}

// Languages are the BCP 47 tags of the files, the fallback's first, the others
// in order.
func (t *Texts) Languages() []string {
	tags := make([]string, len(t.languages))
	for i, l := range t.languages {
		tags[i] = l.String()
	}
	return tags
}

// Match is the language that a tag gets. ok is false when that is the fallback
// for want of anything closer: for a bot that wants to say so when a customer
// chooses.
func (t *Texts) Match(tag string) (lang string, ok bool) {
	want, err := language.Parse(tag)
	if err != nil {
		return t.languages[0].String(), false
	}
	_, i, confidence := t.matcher.Match(want)
	return t.languages[i].String(), confidence != language.No
}

// match is the index of the language that a tag gets.
func (t *Texts) match(tag string) int {
	want, err := language.Parse(tag)
	if err != nil {
		return 0
	}
	_, i, _ := t.matcher.Match(want)
	return i
}

// Missing lists by language the ids that it lacks, in order; it is empty when
// none does. What every language should have are the messages of the fallback
// language and the library's own sentences, which English may leave as they
// are.
func (t *Texts) Missing() map[string][]string {
	missing := map[string][]string{}
	for i, l := range t.languages {
		base, _ := l.Base()
		for _, id := range t.wanted(base.String() != "en") {
			if !t.ids[i][id] {
				missing[l.String()] = append(missing[l.String()], id)
			}
		}
	}
	return missing
}
