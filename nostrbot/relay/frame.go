package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mailru/easyjson/jlexer"
	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/eventjson"
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
// give a frame with nothing but the label. It keeps nothing of data.
func parseFrame(data []byte) (frame, error) {
	if !utf8.Valid(data) {
		return frame{}, fmt.Errorf("%w: not UTF-8", errFrame)
	}
	in := &jlexer.Lexer{Data: data}
	var f frame
	in.Delim('[')
	f.label = in.String()
	in.WantComma()
	if in.Error() != nil || f.label == "" {
		return frame{}, fmt.Errorf("%w: no label", errFrame)
	}
	switch f.label {
	case "EVENT":
		f.sub = element(in, in.String)
		ev, err := eventjson.Read(in)
		if err == nil {
			err = checkFields(ev)
		}
		if err != nil {
			return frame{}, fmt.Errorf("%w: EVENT: %w", errFrame, err)
		}
		f.event = ev
		in.WantComma()
	case "OK":
		f.id = element(in, in.String)
		f.ok = element(in, in.Bool)
		f.text = reason(in)
	case "EOSE":
		f.sub = element(in, in.String)
	case "CLOSED":
		f.sub = element(in, in.String)
		f.text = reason(in)
	case "NOTICE", "AUTH":
		f.text = element(in, in.String)
	}
	for n := 0; n < 8 && !in.IsDelim(']'); n++ { // later NIPs add elements
		in.SkipRecursive()
		in.WantComma()
	}
	in.Delim(']')
	in.Consumed()
	if in.Error() != nil {
		return frame{}, fmt.Errorf("%w: %q: wrong at byte %d", errFrame, f.label, in.GetPos())
	}
	return f, f.check()
}

func element[T any](in *jlexer.Lexer, read func() T) T {
	v := read()
	in.WantComma()
	return v
}

// reason reads what old relays leave out of an OK and of a CLOSED.
func reason(in *jlexer.Lexer) string {
	if in.IsDelim(']') {
		return ""
	}
	return element(in, in.String)
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
