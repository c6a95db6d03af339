package nostrbot

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Log writes one line for each run of a handler: the customer, the message's id,
// the command, how it ended and how long it took. Never a text, and not the
// error either, which the bot reports (see [Config].OnError). It belongs outside
// of other middleware, so that what they refuse is logged too. nil is
// [slog.Default].
//
//	bot.Use(nostrbot.Log(logger), nostrbot.RateLimit(20, time.Minute))
func Log(logger *slog.Logger) Middleware {
	if logger == nil {
		logger = slog.Default()
	}
	return func(next Handler) Handler {
		return func(ctx context.Context, m *Message) error {
			begin, outcome := time.Now(), "panicked"
			defer func() { // a panic goes on its way
				logger.LogAttrs(ctx, slog.LevelInfo, "message", slog.Any("customer", m.From), slog.String("message", m.ID),
					slog.String("command", m.Command()), slog.String("via", string(m.Via)), slog.String("outcome", outcome),
					slog.Int("replies", len(m.replies)), slog.Duration("took", time.Since(begin)))
			}()
			err := next(ctx, m)
			outcome = outcomeOf(m, err)
			return err
		}
	}
}

// outcomeOf names the end of a run in one word.
func outcomeOf(m *Message, err error) string {
	var panicked *PanicError
	switch {
	case errors.As(err, &panicked):
		return "panicked"
	case err != nil:
		return "failed"
	case m.refused != "":
		return "refused: " + m.refused
	case len(m.replies) == 0:
		return "silent"
	}
	return "answered"
}
