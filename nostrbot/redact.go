package nostrbot

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// redacting wraps the log's handler: what the library writes goes through it.
// The library itself logs no text and no key; but errors come from elsewhere,
// from a signer, a relay, a store, and may repeat what they were given. Public
// keys are shortened (see [PubKey.LogValue]), secret ones are cut out.
type redacting struct{ slog.Handler }

// redact is the logger that a bot works with.
func redact(l *slog.Logger) *slog.Logger {
	if _, done := l.Handler().(redacting); done {
		return l
	}
	return slog.New(redacting{l.Handler()})
}

func (r redacting) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, withoutSecrets(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(redactAttr(a))
		return true
	})
	return r.Handler.Handle(ctx, clean)
}

func (r redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = redactAttr(a)
	}
	return redacting{r.Handler.WithAttrs(clean)}
}

func (r redacting) WithGroup(name string) slog.Handler { return redacting{r.Handler.WithGroup(name)} }

func redactAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(withoutSecrets(v.String()))
	case slog.KindGroup:
		var group []slog.Attr
		for _, inner := range v.Group() {
			group = append(group, redactAttr(inner))
		}
		a.Value = slog.GroupValue(group...)
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error:
			a.Value = slog.StringValue(withoutSecrets(x.Error()))
		case []byte: // an event, a payload: nothing of ours is worth showing so
			a.Value = slog.StringValue("[bytes]")
		default:
			a.Value = v
		}
	default:
		a.Value = v
	}
	return a
}

// secretKey finds secret keys as people write them (NIP-19, NIP-49), and the
// secret of a wallet connection (NIP-47).
var secretKey = regexp.MustCompile(`(?i)\b(nsec1|ncryptsec1)[a-z0-9]+|\bsecret=[0-9a-f]{64}\b`)

func withoutSecrets(s string) string {
	return secretKey.ReplaceAllString(s, "[secret key]")
}

// shortestWord is how many characters a word of a conversation has at least to
// be cut out: "ok" and "10" tell nothing, and stand everywhere.
const shortestWord = 3

// longestError is how much of an error's text is logged: each of its words is
// looked for among all that was said.
const longestError = 2048

// withoutWords is an error's text for the log. Its author may have put into it
// what the customer wrote, or what they were about to get, so the words of the
// message are cut out, and those of the replies that hold digits: numbers,
// codes, invoices.
// The customer may have made both long.
func withoutWords(text string, m *Message) string {
	if len(text) > longestError {
		text = strings.ToValidUTF8(text[:longestError], "") + "..."
	}
	words, codes := map[string]bool{}, []string{}
	add := func(said string, all bool) {
		for word := range strings.FieldsFuncSeq(strings.ToLower(said), notInWord) {
			switch {
			case utf8.RuneCountInString(word) < shortestWord:
			case strings.ContainsAny(word, "0123456789"):
				codes = append(codes, word)
			case all:
				words[word] = true
			}
		}
	}
	add(m.Text, true)
	for _, reply := range m.replies {
		add(reply, false)
	}
	if m.command != nil { // that one is known from the command
		for _, name := range m.command.names {
			delete(words, name)
		}
	}
	var clean strings.Builder
	for len(text) > 0 {
		end := strings.IndexFunc(text, notInWord)
		if end < 0 {
			end = len(text)
		}
		word := strings.ToLower(text[:end])
		if words[word] || slices.ContainsFunc(codes, func(c string) bool { return strings.Contains(word, c) }) {
			clean.WriteString("[text]")
		} else {
			clean.WriteString(text[:end])
		}
		_, size := utf8.DecodeRuneInString(text[end:])
		clean.WriteString(text[end : end+size])
		text = text[end+size:]
	}
	return clean.String()
}

func notInWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
