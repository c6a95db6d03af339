package i18n

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/dmshop/dmshop/nostrbot"
)

// Load reads every .toml and .json file in fsys, at any depth; others are left
// alone. What stands before the ending, after the last dot, is the language:
// de.toml, pt-BR.json, shop.active.de.toml. A language may have several files.
//
// fallback is the language of those who read none of the others; it must have
// messages. Load names all faults at once: a file that cannot be read, a name
// that is no language, a template that is none, an id that a language has
// twice, a message without the plural form "other".
func Load(fsys fs.FS, fallback string) (*Texts, error) {
	tag, err := language.Parse(fallback)
	if err != nil {
		return nil, fmt.Errorf("i18n: fallback %q is no language: want a BCP 47 tag such as \"en\"", fallback)
	}
	l := loader{bundle: i18n.NewBundle(tag), ids: map[language.Tag]map[string]bool{tag: {}}}
	l.bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ext := path.Ext(name); ext == ".toml" || ext == ".json" {
			l.file(fsys, name)
		}
		return nil
	})
	if err != nil {
		l.faults = append(l.faults, err)
	}
	if len(l.ids[tag]) == 0 {
		l.faults = append(l.faults, fmt.Errorf("no message in the fallback language: add %s.toml or %s.json", tag, tag))
	}
	if len(l.faults) > 0 {
		return nil, fmt.Errorf("i18n: %w", errors.Join(l.faults...))
	}
	return l.texts(tag), nil
}

// loader collects messages and faults.
type loader struct {
	bundle *i18n.Bundle
	ids    map[language.Tag]map[string]bool
	faults []error
}

func (l *loader) faultf(name, format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf("%s: %w", name, fmt.Errorf(format, args...)))
}

func (l *loader) file(fsys fs.FS, name string) {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	lang := stem[strings.LastIndex(stem, ".")+1:]
	tag, err := language.Parse(lang)
	if err != nil {
		l.faultf(name, "%q is no language: name the file by a BCP 47 tag, such as de.toml", lang)
		return
	}
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		l.faults = append(l.faults, err)
		return
	}
	file, err := l.bundle.ParseMessageFileBytes(content, name)
	if err != nil {
		l.faultf(name, "%w", err)
		return
	}
	if l.ids[tag] == nil {
		l.ids[tag] = map[string]bool{}
	}
	for _, m := range file.Messages {
		l.message(name, tag, m)
	}
}

func (l *loader) message(name string, tag language.Tag, m *i18n.Message) {
	if m.Other == "" {
		l.faultf(name, "message %q has no text: give it one, or the plural form \"other\"", m.ID)
	}
	if l.ids[tag][m.ID] {
		l.faultf(name, "message %q is there twice in %s: remove one", m.ID, tag)
	}
	l.ids[tag][m.ID] = true
	for _, form := range []string{m.Zero, m.One, m.Two, m.Few, m.Many, m.Other} {
		if _, err := parser.Parse(form, m.LeftDelim, m.RightDelim); err != nil {
			l.faultf(name, "message %q: %w", m.ID, err)
		}
	}
}

func (l *loader) texts(fallback language.Tag) *Texts {
	t := &Texts{languages: slices.Clone(l.bundle.LanguageTags())}
	slices.SortFunc(t.languages, func(a, b language.Tag) int {
		switch {
		case a == b:
			return 0
		case a == fallback:
			return -1
		case b == fallback:
			return 1
		}
		return strings.Compare(a.String(), b.String())
	})
	t.matcher = language.NewMatcher(t.languages)
	for _, tag := range t.languages {
		t.localizers = append(t.localizers, i18n.NewLocalizer(l.bundle, tag.String()))
		t.ids = append(t.ids, l.ids[tag])
	}
	return t
}

// wanted are the ids that a language should have.
func (t *Texts) wanted(withOwn bool) []string {
	ids := maps.Clone(t.ids[0])
	if withOwn {
		for id := range nostrbot.Sentences() {
			ids[id] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
