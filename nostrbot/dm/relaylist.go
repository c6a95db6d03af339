package dm

import (
	"fmt"
	"slices"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/eventjson"

	"github.com/dmshop/dmshop/internal/relayurl"
)

// The kinds of event that say where somebody is found.
const (
	// KindInboxRelays lists where its author reads NIP-17 messages (NIP-17).
	KindInboxRelays = 10050
	// KindRelays lists where its author reads what others write to them, and
	// where they write (NIP-65).
	KindRelays = 10002
)

const (
	// MaxListed is how many relays of a list are looked at: NIP-17 asks for
	// one to three, NIP-65 for two to four of each sort.
	MaxListed = 16
	// maxRelayURL is the longest URL that counts.
	maxRelayURL = 256
)

// RelayList says which relays somebody uses.
type RelayList struct {
	// Kind is [KindInboxRelays] or [KindRelays].
	Kind   int
	Author PubKey
	// At is the list's date, whole seconds: the newest list of a kind counts.
	At time.Time
	// Read are the relays where the author reads, as the author ordered them,
	// ws:// or wss:// in their one spelling, each once. Who dials them must
	// guard against addresses that are not public.
	Read []string
	// Write are the relays where the author writes; KindRelays only.
	Write []string
}

// Event is the list as an event to be signed. Read and Write are taken as they
// are.
func (l RelayList) Event() *nostr.Event {
	ev := &nostr.Event{Kind: l.Kind, CreatedAt: nostr.Timestamp(l.At.Unix()), Tags: nostr.Tags{}}
	if l.Kind == KindInboxRelays {
		for _, u := range l.Read {
			ev.Tags = append(ev.Tags, nostr.Tag{"relay", u})
		}
		return ev
	}
	for _, u := range l.Read {
		tag := nostr.Tag{"r", u}
		if !slices.Contains(l.Write, u) {
			tag = append(tag, "read")
		}
		ev.Tags = append(ev.Tags, tag)
	}
	for _, u := range l.Write {
		if !slices.Contains(l.Read, u) {
			ev.Tags = append(ev.Tags, nostr.Tag{"r", u, "write"})
		}
	}
	return ev
}

// OpenRelayList verifies a list of either kind, signature included, and reads
// it. Entries that are no relay are left out, and so is what comes after
// [MaxListed] of them; a list without any is valid and empty. One dated more
// than [MaxSkew] ahead is refused: nothing its author says could ever replace
// it. Errors are [ErrRefused] in one of its forms.
func OpenRelayList(ev *nostr.Event, now time.Time) (RelayList, error) {
	l, err := openRelayList(ev, now)
	if err != nil {
		return RelayList{}, fmt.Errorf("dm: relay list: %w", err)
	}
	return l, nil
}

func openRelayList(ev *nostr.Event, now time.Time) (RelayList, error) {
	if ev == nil {
		return RelayList{}, fmt.Errorf("%w: no event", ErrMalformed)
	}
	author, ok := lowerHex(ev.PubKey)
	switch {
	case ev.Kind != KindInboxRelays && ev.Kind != KindRelays:
		return RelayList{}, fmt.Errorf("%w: event of kind %d", ErrKind, ev.Kind)
	case !ok:
		return RelayList{}, fmt.Errorf("%w: author is not 64 lower-case hex digits", ErrMalformed)
	case len(ev.Tags) > maxTags:
		return RelayList{}, fmt.Errorf("%w: %d tags", ErrMalformed, len(ev.Tags))
	case ev.CreatedAt > nostr.Timestamp(now.Add(MaxSkew).Unix()):
		return RelayList{}, fmt.Errorf("%w: more than %v ahead", ErrStale, MaxSkew)
	case !eventjson.CheckID(ev):
		return RelayList{}, fmt.Errorf("%w: id of the list", ErrForged)
	case !checkSignature(ev, author):
		return RelayList{}, fmt.Errorf("%w: signature of the list", ErrForged)
	}
	l := RelayList{Kind: ev.Kind, Author: author, At: time.Unix(int64(ev.CreatedAt), 0).UTC()}
	for _, tag := range ev.Tags {
		l.add(tag)
	}
	return l, nil
}

// add takes one entry, if it is one.
func (l *RelayList) add(tag nostr.Tag) {
	if len(tag) < 2 || len(tag[1]) > maxRelayURL {
		return
	}
	var reads, writes bool
	switch {
	case l.Kind == KindInboxRelays:
		reads = tag[0] == "relay"
	case tag[0] != "r":
	case len(tag) < 3 || tag[2] == "":
		reads, writes = true, true
	default:
		reads, writes = tag[2] == "read", tag[2] == "write"
	}
	u, err := relayurl.Normalize(tag[1])
	if err != nil {
		return
	}
	for _, part := range []struct {
		listed bool
		urls   *[]string
	}{{reads, &l.Read}, {writes, &l.Write}} {
		if part.listed && len(*part.urls) < MaxListed && !slices.Contains(*part.urls, u) {
			*part.urls = append(*part.urls, u)
		}
	}
}
