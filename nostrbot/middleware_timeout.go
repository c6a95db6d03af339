package nostrbot

import (
	"context"
	"fmt"
	"time"
)

// Timeout ends the handler's ctx after d, with [context.DeadlineExceeded], for
// commands that must answer sooner than [Config].Timeout, which bounds all of
// them. Like any ctx it asks: a handler that does not heed it is not
// interrupted, and what it returns counts.
func Timeout(d time.Duration) Middleware {
	if d <= 0 {
		panic(fmt.Sprintf("nostrbot: Timeout(%v) leaves no time; give a positive duration", d))
	}
	return func(next Handler) Handler {
		return func(ctx context.Context, m *Message) error {
			ctx, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			return next(ctx, m)
		}
	}
}
