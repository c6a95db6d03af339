package nostrbot

import (
	"context"
	"time"
)

// A parcel for a relay that is dead is tried for two weeks, and anybody may list
// such a relay under as many keys as they like. So that what waits costs memory
// that is bounded, a sender that has long to wait leaves when there are many;
// the Store knows what is left to do, and it is fetched back from there.
const (
	crowd = 1024
	// longWait is what is worth leaving for. What is younger than about a
	// minute waits for less.
	longWait   = 30 * time.Second
	fetchEvery = time.Minute
)

// crowded tells whether a sender with so long to wait is to leave. o.mu is held.
func (o *outbox) crowded(wait time.Duration) bool {
	return wait > longWait && len(o.senders) > o.crowd
}

// fetchBack looks now and then after those who left.
func (o *outbox) fetchBack(ctx context.Context) {
	for ctx.Err() == nil {
		o.bot.sleep(ctx, fetchEvery)
		o.mu.Lock()
		left := o.left
		o.left = false
		o.mu.Unlock()
		if left {
			o.fetch(ctx)
		}
	}
}

// fetch sends what is due of customers who have no sender here: they left, or
// another process served them and died.
func (o *outbox) fetch(ctx context.Context) {
	o.sweep(ctx, func(c PubKey) { o.call(ctx, c, sender{}) })
}

// call starts a sender for a customer who has none, once there is room.
func (o *outbox) call(ctx context.Context, customer PubKey, s sender) {
	for {
		o.mu.Lock()
		switch {
		case o.senders[customer] != nil, o.closing, ctx.Err() != nil:
		case len(o.senders) >= 2*o.crowd:
			o.mu.Unlock()
			o.bot.pause(ctx)
			continue
		default:
			o.start(customer, &s)
		}
		o.mu.Unlock()
		return
	}
}

// pause waits a moment by the machine's clock.
func (b *Bot) pause(ctx context.Context) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
}
