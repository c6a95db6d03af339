package nostrbot

import (
	"context"
	"unicode/utf8"
)

// MaxText answers a message of more than n characters with a request to make
// it shorter, and does not run the handler.
func MaxText(n int) Middleware {
	if n <= 0 {
		panic("nostrbot: MaxText: give a positive number of characters")
	}
	return func(next Handler) Handler {
		return func(ctx context.Context, m *Message) error {
			if len(m.Text) > n {
				if got := utf8.RuneCountInString(m.Text); got > n {
					m.Refuse("too-long")
					m.Say(textTooLong, Data{"Got": got, "Most": n})
					return nil
				}
			}
			return next(ctx, m)
		}
	}
}
