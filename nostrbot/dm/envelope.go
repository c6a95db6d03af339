package dm

import (
	"context"
	"strconv"
	"time"

	"github.com/nbd-wtf/go-nostr"
)

// Option changes the envelope that [Seal] or [Wrap] makes: the gift wrap and
// the seal, or the kind 4 event itself. What is said in it stays the same.
type Option func(*envelope)

// Work makes the envelope's id begin with so many zero bits (NIP-13), for the
// relay that answered "pow:". Each bit doubles the time: 16 take a tenth of a
// second, 20 about two, 24 half a minute. It works on one processor until it
// is done or ctx ends. More than [MaxWork] bits are [ErrDraft].
func Work(bits int) Option { return func(e *envelope) { e.work = bits } }

// Expires asks relays and clients to forget the message at that time (NIP-40):
// a tag on the wrap and on the seal, or on the kind 4 event. It is a request;
// nobody can be made to forget.
func Expires(at time.Time) Option { return func(e *envelope) { e.expires = at } }

// Recent dates the wrap within the last half minute in place of the last two
// days, for the relay that refuses old events. It tells observers roughly when
// the message was sent. The seal's date, which only the recipient sees, stays
// random; a kind 4 event has the message's own date anyhow.
func Recent() Option { return func(e *envelope) { e.recent = true } }

// MaxWork is the most that [Work] does: about an hour on one processor.
const MaxWork = 32

const recentWindow = 30 * time.Second

type envelope struct {
	work    int
	expires time.Time
	recent  bool
}

func newEnvelope(opts []Option) (e envelope) {
	for _, o := range opts {
		o(&e)
	}
	return e
}

// expiration is the tag for seal and wrap, after what is there.
func (e envelope) expiration(tags nostr.Tags) nostr.Tags {
	if e.expires.IsZero() {
		return tags
	}
	return append(tags, nostr.Tag{"expiration", strconv.FormatInt(e.expires.Unix(), 10)})
}

func (e envelope) wrapDate(now time.Time) nostr.Timestamp {
	if e.recent {
		return pastDate(now, recentWindow)
	}
	return pastDate(now, backdate)
}

// mine does the work that was asked for, if any. The author must be set, as it
// is part of what is hashed.
func (e envelope) mine(ctx context.Context, author PubKey, ev *nostr.Event) error {
	if e.work <= 0 {
		return nil
	}
	ev.PubKey = author.String()
	return mine(ctx, ev, e.work)
}

// onlyExpiration tells that tags are none, or say when to forget.
func onlyExpiration(tags nostr.Tags) bool {
	for _, tag := range tags {
		if len(tag) == 0 || tag[0] != "expiration" {
			return false
		}
	}
	return true
}
