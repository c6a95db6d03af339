package nostrbot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// record is what the Store keeps as Conversation.State: the author's own
// sessions, and what the bot must know to answer this customer.
type record struct {
	// Via is the protocol of the customer's last message; empty when they
	// never wrote.
	Via Protocol `json:"via,omitempty"`
	// Relays are where that message came from.
	Relays []string `json:"relays,omitempty"`
	// Seen is when they last wrote by each protocol, unix seconds.
	Seen map[Protocol]int64 `json:"seen,omitempty"`
	// LastReply is the date of the newest reply, unix seconds: dates must
	// not run backwards, or clients sort the conversation wrongly.
	LastReply int64 `json:"last_reply,omitempty"`
	// Lang is the customer's language, a BCP 47 tag; empty when not known.
	Lang string `json:"lang,omitempty"`
	// Known says that a message of theirs was handled and not refused.
	Known bool `json:"known,omitempty"`
	// Recent are the newest messages, to know a twin by.
	Recent []heard `json:"recent,omitempty"`
	// Sessions are the bot author's, by name.
	Sessions map[string]json.RawMessage `json:"sessions,omitempty"`
	// Walks are the runs of flows that the customer is in.
	Walks []*walk `json:"runs,omitempty"`
}

// heard is a message that was handled. Clients that send each DM both ways
// produce twins: the same text, about the same date, the other protocol.
type heard struct {
	Digest string // 16 hex digits
	At     int64  // unix seconds
	Via    Protocol
}

// MarshalText writes "digest at via". With sixteen of them in each record, JSON
// objects would be most of what a turn reads and writes.
func (h heard) MarshalText() ([]byte, error) {
	b := append(make([]byte, 0, 40), h.Digest...)
	b = strconv.AppendInt(append(b, ' '), h.At, 10)
	return append(append(b, ' '), h.Via...), nil
}

// UnmarshalText reads what MarshalText wrote.
func (h *heard) UnmarshalText(text []byte) error {
	digest, rest, _ := strings.Cut(string(text), " ")
	at, via, ok := strings.Cut(rest, " ")
	var err error
	if h.At, err = strconv.ParseInt(at, 10, 64); err != nil || !ok {
		return errors.New("a recent message is not as it was written")
	}
	h.Digest, h.Via = digest, Protocol(via)
	return nil
}

const (
	keepRecent = 16
	// maxAhead is how many seconds a reply's date may be ahead of the clock.
	maxAhead = 60
	// twinWindow is how far the dates of twins lie apart at most: a client
	// makes both at one press of a button.
	twinWindow = 5 * time.Second
)

func readRecord(state []byte) (*record, error) {
	r := &record{}
	if state != nil {
		if err := json.Unmarshal(state, r); err != nil {
			return nil, fmt.Errorf("read conversation: %w", err)
		}
	}
	if r.Sessions == nil {
		r.Sessions = map[string]json.RawMessage{}
	}
	return r, nil
}

// note records a letter as handled and reports whether it is the twin of one
// that was handled before. Each can be claimed by one twin only, so that
// saying "1" twice by both protocols is two messages, not one or four.
func (r *record) note(l letter) (twin bool) {
	if l.text == "" {
		return false
	}
	sum := sha256.Sum256([]byte(l.text))
	h := heard{Digest: hex.EncodeToString(sum[:8]), At: l.date().Unix(), Via: l.via}
	for i, o := range r.Recent {
		apart := time.Duration(max(h.At-o.At, o.At-h.At)) * time.Second
		if o.Digest == h.Digest && o.Via != h.Via && apart <= twinWindow {
			r.Recent = slices.Delete(r.Recent, i, i+1)
			return true
		}
	}
	r.Recent = append(r.Recent, h)
	if n := len(r.Recent) - keepRecent; n > 0 {
		r.Recent = slices.Delete(r.Recent, 0, n)
	}
	return false
}

// wrote notes how a message reached us. Of one that came both ways, NIP-17 is
// what the client reads best.
func (r *record) wrote(l letter, twin bool, now time.Time) {
	if r.Seen == nil {
		r.Seen = map[Protocol]int64{}
	}
	r.Seen[l.via] = now.Unix()
	r.LastReply = max(r.LastReply, min(l.date().Unix(), now.Unix()+maxAhead-1)) // answers come after it
	r.Via, r.Relays = l.via, []string{l.relay}
	if twin {
		r.Via = NIP17
	}
}

// seenAt is when they last wrote by a protocol; zero is never.
func (r *record) seenAt(via Protocol) time.Time {
	if at := r.Seen[via]; at != 0 {
		return time.Unix(at, 0).UTC()
	}
	return time.Time{}
}

// replyDate is the date of the next reply: now, or a second after the last one
// and after the message that it answers, but never more than a minute ahead of
// the clock.
func (r *record) replyDate(now time.Time) time.Time {
	at := max(now.Unix(), min(r.LastReply+1, now.Unix()+maxAhead))
	r.LastReply = at
	return time.Unix(at, 0)
}
