package nostrbot

import (
	"context"
	"fmt"
	"time"
)

// MaxAge asks the customer to send a message again that was on its way for more
// than d, and does not run the handler. It is for commands that cost money: who
// asked for something hours ago, while the bot was away, may have it from
// elsewhere by now. Commands that only read need no limit.
//
//	money := bot.Group(nostrbot.MaxAge(10*time.Minute, ""))
//	money.Command("buy SKU", "choose an operator", buy)
//
// text is the answer, or the id of one of [Config].Texts; "" is the library's.
//
// The age is [Message.Age]. It does not grow while a failing handler is tried
// again, so that what one run began (under [Message.Key]) the next can finish.
// After a crash it is taken anew: what a handler began outside before it must
// find its end without the message, as an order in payments/order does.
func MaxAge(d time.Duration, text string) Middleware {
	if d <= 0 {
		panic(fmt.Sprintf("nostrbot: MaxAge: %v lets nothing through; give a positive duration", d))
	}
	if text == "" {
		text = textTooOld
	}
	return func(next Handler) Handler {
		return func(ctx context.Context, m *Message) error {
			if m.Age() > d {
				m.Refuse("too-old")
				m.Reply(m.translate(text))
				return nil
			}
			return next(ctx, m)
		}
	}
}
