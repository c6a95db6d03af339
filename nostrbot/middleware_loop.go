package nostrbot

import (
	"context"
	"fmt"
	"hash/maphash"
	"time"
)

const (
	// quickReaction is how soon after an answer a message looks like a
	// program's.
	quickReaction = 2 * time.Second
	maxSilence    = time.Hour
)

// LoopBreaker keeps silent towards a customer who seems to be a bot that answers
// this one: when they got the same answer n times in a row within the window, or
// when n messages in a row came within two seconds of the answer before each.
// The silence lasts for the window, and twice as long each further time, at most
// an hour; its end is not announced, since each word would be answered.
//
//	bot.Use(nostrbot.LoopBreaker(8, time.Minute))
//
// What was written before the answer, as a backlog is, counts as no reaction to
// it. Bots mark themselves in their profile (NIP-24), not in their messages;
// profiles are not asked for.
//
// It goes by [Message].ReceivedAt, counts a message that is handled again once,
// and remembers as [RateLimit] does.
func LoopBreaker(n int, window time.Duration) Middleware {
	if n < 2 || window <= 0 {
		panic(fmt.Sprintf("nostrbot: LoopBreaker(%d, %v) would silence everybody; give at least 2 and a positive duration", n, window))
	}
	customers, seed := newMemory[exchange](maxRemembered), maphash.MakeSeed()
	judge := func(m *Message) verdict {
		return customers.judge(m, func(e *exchange) verdict { return e.judge(m, n, window) })
	}
	return func(next Handler) Handler {
		return gate("loop", judge, nil)(func(ctx context.Context, m *Message) error {
			begin := time.Now()
			if err := next(ctx, m); err != nil {
				return err
			}
			var sum maphash.Hash
			sum.SetSeed(seed)
			for _, text := range m.replies {
				_, _ = sum.WriteString(text)
				_ = sum.WriteByte(0xff) // in no UTF-8: ends the text
			}
			answered := m.ReceivedAt.Add(time.Since(begin))
			customers.with(m.From, func(e *exchange) { e.note(m, sum.Sum64(), answered, window) })
			return nil
		})
	}
}

// exchange is how a customer and the bot take turns.
type exchange struct {
	answer   uint64    // hash of the last answer
	answered time.Time // when it was given
	same     int       // how often in a row
	since    time.Time // when it was given first
	counted  string    // id of the message that it answered
	quick    int       // messages in a row that came right after an answer
	silent   time.Time // until when nothing is answered
	silences int       // in a row, each twice as long
}

func (e *exchange) judge(m *Message, n int, window time.Duration) verdict {
	now := m.ReceivedAt
	if now.Before(e.silent) {
		return refuse
	}
	// SentAt has whole seconds.
	reaction := !e.answered.IsZero() && !m.SentAt.Before(e.answered.Truncate(time.Second)) && now.Sub(e.answered) <= quickReaction
	if e.quick++; !reaction {
		e.quick = 0
	}
	if e.quick < n && (e.same < n || now.Sub(e.since) > window) {
		return pass
	}
	if now.Sub(e.silent) > maxSilence {
		e.silences = 0
	}
	silence := min(window<<min(e.silences, 12), max(maxSilence, window))
	e.silences++
	e.silent, e.quick, e.same = now.Add(silence), 0, 0
	return refuse
}

func (e *exchange) note(m *Message, answer uint64, at time.Time, window time.Duration) {
	e.answered = at
	if len(m.replies) == 0 || e.counted == m.ID {
		return
	}
	e.counted = m.ID
	if answer != e.answer || e.same == 0 || at.Sub(e.since) > window {
		e.answer, e.same, e.since = answer, 0, at
	}
	e.same++
}
