package nostrbot

import (
	"context"
	"time"
)

// Clock tells the time and waits: what a bot does at a date, or after a while,
// it does by this clock. Sockets and the time a handler may take go by the
// machine's. Implementations are safe for concurrent use.
type Clock interface {
	Now() time.Time
	// After sends once d has passed; at once when d is not positive.
	After(d time.Duration) <-chan time.Time
}

// machineClock is package time's.
type machineClock struct{}

func (machineClock) Now() time.Time                         { return time.Now() }
func (machineClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// sleep waits by the bot's clock, or until ctx ends.
func (b *Bot) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-b.cfg.Clock.After(d):
	case <-ctx.Done():
	}
}

func (b *Bot) now() time.Time { return b.cfg.Clock.Now() }
