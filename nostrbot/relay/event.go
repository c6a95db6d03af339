package relay

import (
	"fmt"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/eventjson"
)

// checkFields tells whether an event can be hashed and decoded by code that
// trusts the lengths of its fields; the id is not recomputed.
func checkFields(ev *nostr.Event) error {
	switch {
	case !isHex(ev.ID, 64):
		return fmt.Errorf("%w: event id is not 64 lower-case hex digits", errFrame)
	case !isHex(ev.PubKey, 64):
		return fmt.Errorf("%w: event pubkey is not 64 lower-case hex digits", errFrame)
	case !isHex(ev.Sig, 128):
		return fmt.Errorf("%w: event signature is not 128 lower-case hex digits", errFrame)
	case ev.Kind < 0 || ev.Kind > 65535:
		return fmt.Errorf("%w: event kind %d", errFrame, ev.Kind)
	case ev.CreatedAt < 0:
		return fmt.Errorf("%w: event of before 1970", errFrame)
	}
	return nil
}

// eventID reads the id of an event to be published, and recomputes it.
func eventID(event []byte) (string, error) {
	if len(event) > maxFrame {
		return "", fmt.Errorf("%w: %d bytes, at most %d", ErrEvent, len(event), maxFrame)
	}
	ev, err := eventjson.Decode(event)
	if err == nil {
		err = checkFields(ev)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if !eventjson.CheckID(ev) {
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
