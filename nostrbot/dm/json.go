package dm

import (
	"fmt"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/eventjson"
)

const maxTags = eventjson.MaxTags

// decodeEvent reads the JSON of a seal or a rumor.
func decodeEvent(text string) (*nostr.Event, error) {
	ev, err := eventjson.Decode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return ev, nil
}

func encodeEvent(ev *nostr.Event) []byte { return eventjson.Encode(ev) }

func jsonLen(s string) int { return eventjson.TextSize(s) }
