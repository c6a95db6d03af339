package nostrbot

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

const (
	// canaryLimit is how long a relay may take to deliver what it accepted.
	canaryLimit = 30 * time.Second
	// canaryLife is when relays may forget one.
	canaryLife = time.Hour
	// canariesKept are known by their ids, so that none is taken for a message.
	canariesKept = 256
)

// canary sends the bot a gift wrap through each of its relays, as anybody else's
// to look at, and sees whether it comes back. A relay that accepts it and does
// not deliver it is deaf, whatever it says of the subscription: the leg is
// connected anew, and shown as deaf until a canary has come through it.
//
// When to send goes by the bot's clock, how long it may take by the machine's.
type canary struct {
	bot   *Bot
	own   []string
	limit time.Duration

	mu     sync.Mutex
	flying map[string]*flight // by event id
	order  []string
}

type flight struct {
	relay string
	live  chan struct{} // closed when it came, live
	// stored says that it came in answer to a REQ: the subscription was new
	// by then, which says nothing about the one before.
	stored bool
}

func (c *canary) init(b *Bot, own []string) {
	c.bot, c.own, c.limit, c.flying = b, own, canaryLimit, map[string]*flight{}
}

func (c *canary) run(ctx context.Context) {
	if c.bot.cfg.Canary < 0 {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c.bot.sleep(ctx, c.bot.cfg.Canary)
		if ctx.Err() != nil {
			return
		}
		for _, leg := range c.bot.pool.Health() {
			if slices.Contains(c.own, leg.URL) && (leg.Live || leg.Deaf && leg.Connected) {
				wg.Go(func() { c.fly(ctx, leg) })
			}
		}
		wg.Wait()
	}
}

// fly sends one and judges.
func (c *canary) fly(ctx context.Context, leg relay.Leg) {
	event, id, err := c.make(ctx)
	if err != nil {
		c.bot.log.Error("canary not made", "err", err)
		return
	}
	f := c.enter(id, leg.URL)
	v := c.bot.pool.Publish(ctx, event, leg.URL)[0]
	if !v.Delivered() {
		c.bot.log.Debug("canary not accepted", "relay", leg.URL, "verdict", v.String())
		return
	}
	timer := time.NewTimer(c.limit)
	defer timer.Stop()
	select {
	case <-f.live:
		if leg.Deaf {
			c.bot.log.Info("relay is not deaf any more", "relay", leg.URL)
			c.bot.pool.ReportHeard(leg.URL)
		}
	case <-timer.C:
		if c.renewed(f) && !leg.Deaf {
			return
		}
		c.bot.log.Warn("relay is deaf: it accepted a message to us and did not deliver it", "relay", leg.URL, "within", c.limit)
		c.bot.pool.ReportDeaf(leg.URL)
	case <-ctx.Done():
	}
}

func (c *canary) make(ctx context.Context) (event []byte, id string, err error) {
	now := c.bot.now()
	s, err := dm.Seal(ctx, c.bot.cfg.Signer, dm.Draft{To: c.bot.me, Text: rand.Text(), Via: NIP17, At: now}, dm.Expires(now.Add(canaryLife)))
	if err != nil {
		return nil, "", err
	}
	var ev struct {
		ID string `json:"id"`
	}
	return s.Event, ev.ID, json.Unmarshal(s.Event, &ev)
}

func (c *canary) enter(id, relay string) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &flight{relay: relay, live: make(chan struct{})}
	c.flying[id] = f
	if c.order = append(c.order, id); len(c.order) > canariesKept {
		delete(c.flying, c.order[0])
		c.order = slices.Delete(c.order, 0, 1)
	}
	return f
}

func (c *canary) renewed(f *flight) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f.stored
}

// caught takes a canary out of what is delivered.
func (c *canary) caught(d relay.Delivery) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.flying[d.Event.ID]
	if f == nil {
		return false
	}
	if d.Relay != f.relay {
		return true // relays may pass it on
	}
	if d.Stored {
		f.stored = true
		return true
	}
	select {
	case <-f.live:
	default:
		close(f.live)
	}
	return true
}

// received is called by the relay legs, each its own goroutine.
func (b *Bot) received(ctx context.Context, d relay.Delivery) {
	if !b.canary.caught(d) {
		b.intake.deliver(ctx, d)
	}
}
