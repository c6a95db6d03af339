package nostrbottest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

// Client is what a user's client speaks. It is an option of [Net.User].
type Client string

// The clients there are.
const (
	// NIP17 sends private direct messages, as most clients do today.
	NIP17 Client = "nip17"
	// NIP04 sends the older kind 4.
	NIP04 Client = "nip04"
	// Both sends every DM both ways at once, which is one message in two
	// events.
	Both Client = "both"
)

func (c Client) protocols() []dm.Protocol {
	switch c {
	case NIP17:
		return []dm.Protocol{dm.NIP17}
	case NIP04:
		return []dm.Protocol{dm.NIP04}
	case Both:
		return []dm.Protocol{dm.NIP17, dm.NIP04}
	}
	panic(fmt.Sprintf("nostrbottest: no client %q: use NIP17, NIP04 or Both", string(c)))
}

// UserOption changes what [Net.User] makes.
type UserOption interface{ apply(u *User) }

func (c Client) apply(u *User) { u.client = c }

type to nostrbot.PubKey

func (p to) apply(u *User) { u.bot = nostrbot.PubKey(p) }

// To makes the user write to, and listen to, another key than that of "bot".
func To(bot nostrbot.PubKey) UserOption { return to(bot) }

// User is a customer with a client, and understands both protocols. Its methods
// return the user, so that a conversation reads as one; they fail the test when
// something else happens. One goroutine at a time may use a user.
type User struct {
	t      testing.TB
	net    *Net
	name   string
	client Client
	bot    nostrbot.PubKey
	key    nostrbot.Signer
	me     nostrbot.PubKey
	pool   *relay.Pool

	sent   []dm.Sealed // by the last Says
	said   time.Time   // its date
	last   Heard
	fenced int

	mu     sync.Mutex
	inbox  []Heard // not asked for yet
	known  map[string]bool
	fences map[string]bool // heard
	news   chan struct{}   // closed when something came
}

// Heard is a DM that a user got.
type Heard struct {
	// ID is what the user's client tells messages apart by.
	ID   string
	Text string
	Via  nostrbot.Protocol
	// ReplyTo is the ID of the message that it answers; may be empty.
	ReplyTo string
	// SentAt is the bot's date, whole seconds.
	SentAt time.Time
}

// User makes a customer and connects it; it speaks NIP-17 unless told
// otherwise. It leaves at the end of the test.
func (n *Net) User(t testing.TB, name string, opts ...UserOption) *User {
	t.Helper()
	u := &User{
		t: t, net: n, name: name, client: NIP17,
		bot: n.PubKey(botName), key: nostrbot.Nsec(n.Key(name)), me: n.PubKey(name),
		known: map[string]bool{}, fences: map[string]bool{}, news: make(chan struct{}),
	}
	for _, opt := range opts {
		opt.apply(u)
	}
	u.client.protocols()
	n.mu.Lock()
	taken := n.users[u.me]
	n.users[u.me] = true
	n.mu.Unlock()
	if taken {
		t.Fatalf("nostrbottest: there is a user %q already", name)
	}
	up := make(chan string, 16)
	var err error
	u.pool, err = relay.New(relay.Config{
		URLs:    n.URLs(),
		Filters: func(now time.Time) []nostr.Filter { return dm.Inbox(u.me, now) },
		Deliver: func(ctx context.Context, d relay.Delivery) { u.open(ctx, d.Event) },
		OnCaughtUp: func(ctx context.Context, url string) {
			select {
			case up <- url:
			default:
			}
		},
		Sign: u.key.Sign,
		Timing: relay.Timing{
			Publish: 2 * time.Second, BackoffMin: 10 * time.Millisecond, BackoffMax: time.Second,
			Answer: 5 * time.Second,
		},
	})
	if err != nil {
		t.Fatalf("nostrbottest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = u.pool.Run(ctx) }) // it runs once, and has no other error
	t.Cleanup(func() { cancel(); running.Wait() })
	u.waitUp(up)
	return u
}

func (u *User) waitUp(up <-chan string) {
	u.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	left := map[string]bool{}
	for _, leg := range u.pool.Health() {
		left[leg.URL] = true
	}
	for len(left) > 0 {
		select {
		case url := <-up:
			delete(left, url)
		case <-ctx.Done():
			u.failf("%s cannot listen: make users before switching the faults on", u.name)
		}
	}
}

// Name is the user's.
func (u *User) Name() string { return u.name }

// PubKey is who the bot hears.
func (u *User) PubKey() nostrbot.PubKey { return u.me }

// Signer holds the user's key, for events that the kit does not make.
func (u *User) Signer() nostrbot.Signer { return u.key }

// Speaks changes the user's client.
func (u *User) Speaks(c Client) *User {
	c.protocols()
	u.client = c
	return u
}

// Says sends a DM to the bot and returns when a relay has it. It is dated now,
// but a second after the last one at least: dates are whole seconds, and a
// NIP-17 message with the same text and date is the same message.
func (u *User) Says(text string) *User {
	u.t.Helper()
	return u.SaysAt(u.date(), text)
}

func (u *User) date() time.Time {
	now := u.net.Clock.Now()
	if next := u.said.Add(time.Second); next.After(now) {
		return next
	}
	return now
}

// SaysAt sends a DM with another date than now.
func (u *User) SaysAt(at time.Time, text string) *User {
	u.t.Helper()
	u.net.script.add(u.name+"> ", text)
	ctx, cancel := patience()
	defer cancel()
	if err := u.say(ctx, at, text); err != nil {
		u.failf("%s could not say %q: %v", u.name, text, err)
	}
	return u
}

func (u *User) say(ctx context.Context, at time.Time, text string) error {
	u.sent, u.said = nil, at
	for _, via := range u.client.protocols() {
		s, err := dm.Seal(ctx, u.key, dm.Draft{To: u.bot, Text: text, Via: via, At: at})
		if err != nil {
			return err
		}
		u.sent = append(u.sent, s)
	}
	for _, s := range u.sent {
		if err := u.publish(ctx, s.Event); err != nil {
			return err
		}
	}
	return nil
}

// SaidID is the ID of the DM last said, which a reply to it names; with Both,
// that of the NIP-17 one.
func (u *User) SaidID() string {
	if len(u.sent) == 0 {
		return ""
	}
	return u.sent[0].ID
}

// Resends publishes the events of the DM last said again, byte for byte.
func (u *User) Resends() *User {
	u.t.Helper()
	for _, s := range u.sent {
		u.Publish(s.Event)
	}
	return u
}

// Rewraps sends the DM last said in a new gift wrap: another event with the
// same message inside. A kind 4 has no wrap and is left out.
func (u *User) Rewraps() *User {
	u.t.Helper()
	for _, s := range u.sent {
		if s.Via != dm.NIP17 {
			continue
		}
		event, err := dm.Wrap(context.Background(), u.key, u.bot, s.Rumor, u.net.Clock.Now())
		if err != nil {
			u.failf("%s could not wrap: %v", u.name, err)
		}
		u.Publish(event)
	}
	return u
}

// Publish sends a signed event, as JSON, until a relay has it.
func (u *User) Publish(event []byte) *User {
	u.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	if err := u.publish(ctx, event); err != nil {
		u.failf("%s could not publish: %v", u.name, err)
	}
	return u
}

// publish does as clients do: to all relays, again where that may help, content
// with one that has it.
func (u *User) publish(ctx context.Context, event []byte, relays ...string) error {
	const first, most = 10 * time.Millisecond, 500 * time.Millisecond
	for pause := first; ; pause = min(2*pause, most) {
		final := true
		var answers []error
		for _, v := range u.pool.Publish(ctx, event, relays...) {
			if v.Delivered() {
				return nil
			}
			final = final && v.Final()
			answers = append(answers, fmt.Errorf("%s: %v %s", v.Relay, v.Status, v.Reason))
		}
		if final {
			return errors.Join(answers...)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(answers...)
		}
	}
}
