// Package customer is the other end of the conversation: a Nostr client that
// sends DMs to one bot and hears its answers, as a phone app would.
package customer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

// Config is what a client is made of; all of it is required.
type Config struct {
	Signer dm.Signer
	// Bot is who is written to; DMs of others are not heard.
	Bot    dm.PubKey
	Relays []string
	// Via is what the client speaks. It reads both.
	Via dm.Protocol
	// Hear is told each DM of the bot once, one at a time.
	Hear func(dm.Message)
}

// Client is a customer's client. Run it while it is used.
type Client struct {
	cfg  Config
	me   dm.PubKey
	pool *relay.Pool

	mu   sync.Mutex
	seen map[string]bool // heard, by message id
	sent map[string]bool // said, by message id
	up   chan struct{}   // closed when a relay is connected
	once sync.Once
}

// New makes a client.
func New(cfg Config) (*Client, error) {
	me, err := cfg.Signer.PubKey()
	if err != nil {
		return nil, fmt.Errorf("customer: %w", err)
	}
	c := &Client{cfg: cfg, me: me, seen: map[string]bool{}, sent: map[string]bool{}, up: make(chan struct{})}
	c.pool, err = relay.New(relay.Config{
		URLs:    cfg.Relays,
		Filters: func(now time.Time) []nostr.Filter { return dm.Inbox(me, now) },
		Deliver: c.deliver,
		Sign:    cfg.Signer.Sign,
		OnUp:    func(string) { c.once.Do(func() { close(c.up) }) },
	})
	if err != nil {
		return nil, fmt.Errorf("customer: %w", err)
	}
	return c, nil
}

// Run keeps the client connected until ctx ends.
func (c *Client) Run(ctx context.Context) error { return c.pool.Run(ctx) }

// deliver drops what a client would: others' messages, copies of a message
// that came before.
func (c *Client) deliver(ctx context.Context, d relay.Delivery) {
	m, err := dm.Open(ctx, c.cfg.Signer, d.Event, time.Now())
	if err != nil || m.From != c.cfg.Bot || m.Kind != 14 && m.Kind != 4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen[m.ID] {
		c.seen[m.ID] = true
		c.cfg.Hear(m)
	}
}

// seal makes a DM that is none of those sent before. Dates are whole seconds, so
// that the same words twice in one second would be one NIP-17 message.
func (c *Client) seal(ctx context.Context, text string) (dm.Sealed, error) {
	for at := time.Now(); ; at = at.Add(time.Second) {
		s, err := dm.Seal(ctx, c.cfg.Signer, dm.Draft{To: c.cfg.Bot, Text: text, Via: c.cfg.Via, At: at})
		if err != nil {
			return s, err
		}
		c.mu.Lock()
		again := c.sent[s.ID]
		c.sent[s.ID] = true
		c.mu.Unlock()
		if !again {
			return s, nil
		}
	}
}

// ErrNotSent is wrapped by Say's errors when no relay took the DM.
var ErrNotSent = errors.New("not sent")

const (
	sendFor   = 15 * time.Second
	sendPause = 200 * time.Millisecond
)

// Say sends a DM and returns its id once a relay has it. Text that is not
// UTF-8 is made so.
func (c *Client) Say(ctx context.Context, text string) (id string, err error) {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	ctx, cancel := context.WithTimeout(ctx, sendFor)
	defer cancel()
	sealed, err := c.seal(ctx, text)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	select {
	case <-c.up:
	case <-ctx.Done():
		return "", fmt.Errorf("%w: no relay is connected", ErrNotSent)
	}
	for {
		var reasons []string
		final := 0
		verdicts := c.pool.Publish(ctx, sealed.Event)
		for _, v := range verdicts {
			if v.Delivered() {
				return sealed.ID, nil
			}
			if v.Final() {
				final++
			}
			reasons = append(reasons, v.Relay+": "+v.String())
		}
		if final == len(verdicts) || ctx.Err() != nil {
			return "", fmt.Errorf("%w: %s", ErrNotSent, strings.Join(reasons, "; "))
		}
		select { // the same bytes again: relays know them as one event
		case <-time.After(sendPause):
		case <-ctx.Done():
		}
	}
}
