package nostrbot

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/time/rate"
)

// RateLimit lets each customer send n messages within per, all at once if they
// like: a token bucket that holds n and is filled evenly. The first message
// beyond it is answered with a request to wait; later ones are met with silence,
// until per has passed since that answer. The handler runs for none of them.
//
//	bot.Use(nostrbot.RateLimit(20, time.Minute))
//
// It goes by [Message].ReceivedAt. A message that is handled again, because the
// handler failed or another bot on the same Store was faster, counts once. Each
// process counts for itself, and forgets at its end. Of more than 16,384
// customers, those not heard of for longest begin anew.
//
// It does not bound what strangers cost who make a new key for each message;
// see [DecryptBudget] and [ProofOfWork].
func RateLimit(n int, per time.Duration) Middleware {
	if n <= 0 || per <= 0 {
		panic(fmt.Sprintf("nostrbot: RateLimit(%d, %v) lets nothing through; give a positive number and duration", n, per))
	}
	type bucket struct {
		*rate.Limiter
		told time.Time
	}
	customers := newMemory[bucket](maxRemembered)
	every := per / time.Duration(n)
	judge := func(m *Message) verdict {
		return customers.judge(m, func(b *bucket) verdict {
			if b.Limiter == nil {
				b.Limiter = rate.NewLimiter(rate.Every(every), n)
			}
			switch now := m.ReceivedAt; {
			case b.AllowN(now, 1):
				return pass
			case now.Sub(b.told) >= per:
				b.told = now
				return refuseAloud
			}
			return refuse
		})
	}
	return gate("too-fast", judge, func(m *Message) {
		m.Say(textTooFast, Data{"Seconds": int(math.Ceil(max(time.Second, every).Seconds()))})
	})
}
