package relay

import (
	"encoding/json"
	"fmt"

	"github.com/nbd-wtf/go-nostr"
)

// wireEvent is an event as JSON (NIP-01). nostr.Event's own decoder stumbles
// over fields it does not know, which some relays and clients add.
type wireEvent struct {
	ID        string          `json:"id"`
	PubKey    string          `json:"pubkey"`
	CreatedAt nostr.Timestamp `json:"created_at"`
	Kind      int             `json:"kind"`
	Tags      nostr.Tags      `json:"tags"`
	Content   string          `json:"content"`
	Sig       string          `json:"sig"`
}

// event checks that the fields can be hashed and decoded by code that trusts
// their lengths; the id is not yet recomputed.
func (w *wireEvent) event() (*nostr.Event, error) {
	switch {
	case !isHex(w.ID, 64):
		return nil, fmt.Errorf("%w: event id is not 64 lower-case hex digits", errFrame)
	case !isHex(w.PubKey, 64):
		return nil, fmt.Errorf("%w: event pubkey is not 64 lower-case hex digits", errFrame)
	case !isHex(w.Sig, 128):
		return nil, fmt.Errorf("%w: event signature is not 128 lower-case hex digits", errFrame)
	case w.Kind < 0 || w.Kind > 65535:
		return nil, fmt.Errorf("%w: event kind %d", errFrame, w.Kind)
	case w.CreatedAt < 0:
		return nil, fmt.Errorf("%w: event of before 1970", errFrame)
	}
	return (*nostr.Event)(w), nil
}

// eventID reads the id of an event to be published, and recomputes it.
func eventID(event []byte) (string, error) {
	if len(event) > maxFrame {
		return "", fmt.Errorf("%w: %d bytes, at most %d", ErrEvent, len(event), maxFrame)
	}
	var w wireEvent
	if err := json.Unmarshal(event, &w); err != nil {
		return "", fmt.Errorf("%w: %w", ErrEvent, err)
	}
	ev, err := w.event()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if !ev.CheckID() {
		return "", fmt.Errorf("%w: id is not its hash", ErrEvent)
	}
	return ev.ID, nil
}

func isHex(s string, length int) bool {
	if len(s) != length {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
