package nostrbot

import (
	"slices"
	"time"
)

// backlog puts what a relay kept into the order in which it was written.
// Relays hand out what they stored newest first, and gift wraps carry random
// dates, so only the messages' own dates tell. Letters of a relay are held
// from the first stored one until the relay says that this was all, or until
// patience or room runs out: then they go as they are, and so does what
// follows.
//
// It belongs to one goroutine.
type backlog struct {
	put func(addressed)
	// undone leaves out what was handled before. A backlog is mostly that, and
	// would crowd out of a full mailbox what was not.
	undone func([]addressed) []addressed
	legs   map[string]*held
}

// addressed is a letter with its customer.
type addressed struct {
	customer PubKey
	letter
}

type held struct {
	letters []addressed
	bytes   int
	since   time.Time // of the first one
	last    time.Time // when the relay last sent a stored one
	open    bool      // gave up holding until the relay says that this was all
}

const (
	holdLetters = 1024
	holdBytes   = 4 << 20
	holdTime    = 5 * time.Second // without a stored letter
	holdMost    = 30 * time.Second
)

// add takes a letter from a relay.
func (b *backlog) add(a addressed, stored bool, now time.Time) {
	h := b.legs[a.relay]
	if stored && (h == nil || h.open && now.Sub(h.last) >= holdTime) { // it was asked anew
		h = &held{since: now}
		b.legs[a.relay] = h
	}
	if stored {
		h.last = now
	}
	if h == nil || h.open {
		b.put(a)
		return
	}
	h.letters = append(h.letters, a)
	h.bytes += len(a.text)
	if h.full(1) {
		if h.sift(b.undone); h.full(2) {
			b.flush(h)
		}
	}
}

// full tells whether so small a part of the room is taken.
func (h *held) full(part int) bool {
	return len(h.letters) >= holdLetters/part || h.bytes >= holdBytes/part
}

// sift leaves out what was handled before.
func (h *held) sift(undone func([]addressed) []addressed) {
	h.letters, h.bytes = undone(h.letters), 0
	for _, a := range h.letters {
		h.bytes += len(a.text)
	}
}

// len counts the letters that are held.
func (b *backlog) len() (n int64) {
	for _, h := range b.legs {
		n += int64(len(h.letters))
	}
	return n
}

// complete is told when a relay has handed out all that it kept.
func (b *backlog) complete(relay string) {
	if h := b.legs[relay]; h != nil {
		b.flush(h)
		delete(b.legs, relay)
	}
}

// expire lets go of what was held for too long, and says when to come back;
// zero when nothing is held.
func (b *backlog) expire(now time.Time) (next time.Duration) {
	for _, h := range b.legs {
		if h.open {
			continue
		}
		left := min(holdTime-now.Sub(h.last), holdMost-now.Sub(h.since))
		if left <= 0 {
			b.flush(h)
			continue
		}
		if next == 0 || left < next {
			next = left
		}
	}
	return next
}

func (b *backlog) flush(h *held) {
	slices.SortStableFunc(h.letters, func(x, y addressed) int { return x.sentAt.Compare(y.sentAt) })
	for _, a := range b.undone(h.letters) {
		b.put(a)
	}
	*h = held{open: true, last: h.last}
}
