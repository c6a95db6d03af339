package dm

import (
	"time"

	"github.com/nbd-wtf/go-nostr"
)

// How far back an inbox reaches. Wraps are dated up to two days before they are
// sent, so a shorter window would miss new messages; the quarter of an hour is
// for clocks and slow relays.
const (
	wrapWindow = 48*time.Hour + 15*time.Minute
	dmWindow   = 48 * time.Hour
)

// Inbox is what to ask a relay for: the gift wraps and the kind 4 events
// addressed to me, each filter from about two days before now and without an
// end. What was handled before comes again; that is for the ledger to know.
//
// Compute it anew for each REQ, with the time of that REQ. A filter that is
// kept while the connection comes and goes asks for more and more of the past;
// one whose since moves up to the last event seen, as client libraries have it,
// is deaf to wraps, whose dates are random.
//
// After a longer silence pass the time when the inbox was last whole in place of
// now: everything since then, and the two days before, is asked for. There is
// no use in going back more than [MaxAge].
func Inbox(me PubKey, now time.Time) []nostr.Filter {
	return []nostr.Filter{
		inboxFilter(me, kindGiftWrap, now.Add(-wrapWindow)),
		inboxFilter(me, kindDM, now.Add(-dmWindow)),
	}
}

func inboxFilter(me PubKey, kind int, since time.Time) nostr.Filter {
	return nostr.Filter{
		Kinds: []int{kind},
		Tags:  nostr.TagMap{"p": {me.String()}},
		Since: new(nostr.Timestamp(since.Unix())),
	}
}
