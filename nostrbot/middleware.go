package nostrbot

import (
	"context"
	"fmt"
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
					m.Reply(fmt.Sprintf("That message is too long for me: %d characters, I read at most %d. Please send a shorter one.", got, n))
					return nil
				}
			}
			return next(ctx, m)
		}
	}
}
