package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nbd-wtf/go-nostr"
)

const (
	maxFrame     = 512 << 10 // a 100 kB DM is an event of about 220 kB
	maxDiscard   = 16 << 20  // how much of a longer one is read and thrown away
	maxSubID     = 64        // NIP-01
	maxText      = 512       // of a reason or notice
	maxChallenge = 1 << 10
)

var errFrame = errors.New("malformed frame")

// frame is a message of a relay. Which fields are set depends on the label.
type frame struct {
	label string
	sub   string       // EVENT, EOSE, CLOSED: subscription id
	event *nostr.Event // EVENT
	id    string       // OK: event id
	ok    bool         // OK
	text  string       // OK, CLOSED: reason; NOTICE; AUTH: challenge
}

// parseFrame reads one message with a full JSON parser. The event's fields
// have the right shape, its id is not yet recomputed. Labels that are not ours
// give a frame with nothing but the label.
func parseFrame(data []byte) (frame, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('[') {
		return frame{}, fmt.Errorf("%w: not a JSON array", errFrame)
	}
	var f frame
	var wire wireEvent
	var fields []any
	if err := dec.Decode(&f.label); err != nil || f.label == "" {
		return frame{}, fmt.Errorf("%w: no label", errFrame)
	}
	switch f.label {
	case "EVENT":
		fields = []any{&f.sub, &wire}
	case "OK":
		fields = []any{&f.id, &f.ok, &f.text}
	case "EOSE":
		fields = []any{&f.sub}
	case "CLOSED":
		fields = []any{&f.sub, &f.text}
	case "NOTICE", "AUTH":
		fields = []any{&f.text}
	}
	for i, field := range fields {
		// Old relays leave out the reason of an OK and of a CLOSED.
		if !dec.More() && field == any(&f.text) && i > 0 {
			break
		}
		if err := dec.Decode(field); err != nil {
			return frame{}, fmt.Errorf("%w: %q: %w", errFrame, f.label, err)
		}
	}
	for range 8 { // later NIPs add elements
		if !dec.More() {
			break
		}
		var more json.RawMessage
		if err := dec.Decode(&more); err != nil {
			return frame{}, fmt.Errorf("%w: %q: %w", errFrame, f.label, err)
		}
	}
	if tok, err := dec.Token(); err != nil || tok != json.Delim(']') {
		return frame{}, fmt.Errorf("%w: %q: no end", errFrame, f.label)
	}
	if _, err := dec.Token(); err != io.EOF {
		return frame{}, fmt.Errorf("%w: %q: more after its end", errFrame, f.label)
	}
	if f.label == "EVENT" {
		var err error
		if f.event, err = wire.event(); err != nil {
			return frame{}, err
		}
	}
	return f, f.check()
}

func (f *frame) check() error {
	switch f.label {
	case "EVENT", "EOSE", "CLOSED":
		if f.sub == "" || len(f.sub) > maxSubID {
			return fmt.Errorf("%w: %s with a subscription id of %d bytes", errFrame, f.label, len(f.sub))
		}
	}
	if f.label == "AUTH" {
		if len(f.text) > maxChallenge || f.text == "" {
			return fmt.Errorf("%w: challenge of %d bytes", errFrame, len(f.text))
		}
		return nil
	}
	f.text = clip(f.text)
	if f.label == "OK" && !isHex(f.id, 64) {
		return fmt.Errorf("%w: OK without an event id", errFrame)
	}
	return nil
}

// clip bounds a foreign text and makes it valid UTF-8.
func clip(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxText)], "")
}

// eventFrame wraps an event's bytes as they are.
func eventFrame(event []byte) []byte {
	b := make([]byte, 0, len(event)+len(`["EVENT",]`))
	b = append(b, `["EVENT",`...)
	b = append(b, event...)
	return append(b, ']')
}

// reqFrame is a REQ or, without filters, a CLOSE.
func reqFrame(label, sub string, filters ...nostr.Filter) ([]byte, error) {
	parts := make([]any, 0, len(filters)+2)
	parts = append(parts, label, sub)
	for _, f := range filters {
		parts = append(parts, f)
	}
	b, err := json.Marshal(parts)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", label, err)
	}
	return b, nil
}
