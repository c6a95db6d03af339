package nostrbottest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

// open takes what a relay delivered.
func (u *User) open(ctx context.Context, ev *nostr.Event) {
	m, err := dm.Open(ctx, u.key, ev, u.net.Clock.Now())
	if err != nil || m.From != u.bot {
		return // not for this conversation
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.known[m.ID] {
		return
	}
	u.known[m.ID] = true
	if strings.HasPrefix(m.Text, fence) {
		u.fences[m.Text] = true
	} else {
		u.inbox = append(u.inbox, Heard{ID: m.ID, Text: m.Text, Via: m.Via, ReplyTo: m.ReplyTo, SentAt: m.Dated})
	}
	close(u.news)
	u.news = make(chan struct{})
}

// sorted is the inbox in the order in which the bot wrote, as clients show it:
// several relays do not keep it. u.mu is held.
func (u *User) sorted() []Heard {
	slices.SortStableFunc(u.inbox, func(a, b Heard) int { return a.SentAt.Compare(b.SentAt) })
	return u.inbox
}

// Hears waits for the next DM, which must have this text.
func (u *User) Hears(text string) *User {
	u.t.Helper()
	return u.hears(fmt.Sprintf("%q", text), func(h Heard) bool { return h.Text == text })
}

// HearsMatch waits for the next DM, in which the regular expression must match.
func (u *User) HearsMatch(pattern string) *User {
	u.t.Helper()
	re := regexp.MustCompile(pattern)
	return u.hears("a match of "+pattern, func(h Heard) bool { return re.MatchString(h.Text) })
}

// HearsAll waits for as many DMs as there are texts, in any order.
func (u *User) HearsAll(texts ...string) *User {
	u.t.Helper()
	left := slices.Clone(texts)
	for len(left) > 0 {
		u.hears(fmt.Sprintf("one of %q", left), func(h Heard) bool { return slices.Contains(left, h.Text) })
		i := slices.Index(left, u.last.Text)
		left = slices.Delete(left, i, i+1)
	}
	return u
}

// Next waits for the next DM, whatever it says.
func (u *User) Next() Heard {
	u.t.Helper()
	u.hears("anything", func(Heard) bool { return true })
	return u.last
}

// Last is the DM that was heard last.
func (u *User) Last() Heard { return u.last }

func (u *User) hears(expected string, fits func(Heard) bool) *User {
	u.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	h, err := u.next(ctx, fits)
	if err != nil {
		u.failf("%s expected to hear %s, but heard %v", u.name, expected, err)
	}
	u.net.script.add(u.name+"< ", h.Text)
	return u
}

// next takes the first DM if it fits. One that does not may have overtaken
// another on its way; then the relays are asked.
func (u *User) next(ctx context.Context, fits func(Heard) bool) (Heard, error) {
	for asked := false; ; {
		u.mu.Lock()
		news := u.news
		inbox := u.sorted()
		var h Heard
		some := len(inbox) > 0
		ok := some && fits(inbox[0])
		if some {
			h = inbox[0]
		}
		if ok {
			u.inbox = slices.Delete(inbox, 0, 1)
			u.last = h
		}
		u.mu.Unlock()
		switch {
		case ok:
			return h, nil
		case some && asked:
			return h, fmt.Errorf("%q", h.Text)
		case some:
			asked = true
			if err := u.look(ctx); err != nil {
				return h, fmt.Errorf("%q (%w)", h.Text, err)
			}
			continue
		}
		if err := u.net.awaitCtx(ctx, news); err != nil {
			return Heard{}, fmt.Errorf("nothing (%w)", err)
		}
	}
}

// look asks all relays for what they keep for this user.
func (u *User) look(ctx context.Context) error {
	var errs []error
	for _, f := range dm.Inbox(u.me, u.net.Clock.Now()) {
		f.Since = nil
		for _, a := range u.pool.Fetch(ctx, f) {
			if a.Err != nil {
				errs = append(errs, fmt.Errorf("%s does not say what it keeps: %w", a.Relay, a.Err))
			}
			for _, ev := range a.Events {
				u.open(ctx, ev)
			}
		}
	}
	return errors.Join(errs...)
}

// fence begins the texts by which a user finds out that the bot has said all it
// had to say. Bots that Net.Bot makes answer them before all middleware.
const fence = "nostrbottest-fence-"

func answerFences(next nostrbot.Handler) nostrbot.Handler {
	return func(ctx context.Context, m *nostrbot.Message) error {
		if strings.HasPrefix(m.Text, fence) {
			m.Refuse("nostrbottest-fence") // a stranger who asks is a stranger still
			m.Reply(m.Text)
			return nil
		}
		return next(ctx, m)
	}
}

// HearsNothing checks that the bot has answered all that this user said, and
// that the user has heard it all. It is sure of it: through each relay it asks
// the bot something after which nothing older can come, and then it asks the
// relays. A bot that is down, or was not made by [Net.Bot], is not asked.
func (u *User) HearsNothing() *User {
	u.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	if b := u.net.bot(u.bot); b != nil && b.running() {
		if err := u.fence(ctx); err != nil {
			u.failf("whether %s heard nothing cannot be told: %v", u.name, err)
		}
	}
	if err := u.look(ctx); err != nil {
		u.failf("whether %s heard nothing cannot be told: %v", u.name, err)
	}
	u.mu.Lock()
	inbox := slices.Clone(u.sorted())
	u.mu.Unlock()
	if len(inbox) > 0 {
		u.failf("%s expected to hear nothing, but heard %q", u.name, inbox[0].Text)
	}
	return u
}

func (u *User) fence(ctx context.Context) error {
	via := u.last.Via
	if via == "" || u.client != Both {
		via = u.client.protocols()[0]
	}
	for _, url := range u.net.URLs() {
		u.fenced++
		text := fmt.Sprintf("%s%s-%d", fence, u.name, u.fenced)
		s, err := dm.Seal(ctx, u.key, dm.Draft{To: u.bot, Text: text, Via: via, At: u.net.Clock.Now()})
		if err != nil {
			return err
		}
		if err := u.publish(ctx, s.Event, url); err != nil {
			return err
		}
		for {
			u.mu.Lock()
			news, answered := u.news, u.fences[text]
			u.mu.Unlock()
			if answered {
				break
			}
			if err := u.net.awaitCtx(ctx, news); err != nil {
				return fmt.Errorf("the bot does not answer what came by %s: %w", url, err)
			}
		}
	}
	return nil
}
