package nostrbot

import (
	"context"
	"fmt"
)

// maxLang is more than any BCP 47 tag in use (RFC 5646, 4.4.1).
const maxLang = 35

// Lang is the customer's language, as it was last set; "" when it never was.
func (m *Message) Lang() string { return m.lang }

// SetLang sets the customer's language, for the texts of this message's answers
// and of later ones. It is saved with the replies, and kept as long as the
// conversation's state. tag is a BCP 47 tag such as "de" or "pt-BR", or "" for
// the bot's own choice; anything of another form is an error and changes
// nothing. It need not be a language that [Config].Texts has: the closest one
// answers.
func (m *Message) SetLang(tag string) error {
	if !wellFormed(tag) {
		return fmt.Errorf("nostrbot: set language: want a tag such as \"de\" or \"pt-BR\"")
	}
	m.lang = tag
	return nil
}

// Lang is the customer's language as it was last committed, for what is sent
// outside of a handler; "" when it is not known.
func (b *Bot) Lang(ctx context.Context, customer PubKey) (string, error) {
	conv, err := b.store.Load(ctx, customer, b.now())
	if err != nil {
		return "", fmt.Errorf("nostrbot: language: load conversation: %w", err)
	}
	rec, err := readRecord(conv.State)
	if err != nil {
		return "", fmt.Errorf("nostrbot: language: %w", err)
	}
	return rec.Lang, nil
}

// wellFormed checks the alphabet and the length; what a tag means is for Texts
// to know.
func wellFormed(tag string) bool {
	if len(tag) > maxLang {
		return false
	}
	part := 0
	for _, c := range []byte(tag) {
		switch {
		case c == '-' && part > 0:
			part = 0
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			part++
		default:
			return false
		}
		if part > 8 {
			return false
		}
	}
	return tag == "" || part > 0
}
