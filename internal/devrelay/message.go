package devrelay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/nbd-wtf/go-nostr"
)

const (
	maxFilters = 20
	maxSubID   = 64 // NIP-01
)

// message is what a client sends (NIP-01, NIP-42).
type message struct {
	label   string // EVENT, REQ, CLOSE, AUTH
	event   *nostr.Event
	raw     []byte // the event's bytes
	sub     string
	filters []nostr.Filter
}

// parseMessage reads a client's message; its errors are fit for a NOTICE.
func parseMessage(data []byte) (message, error) {
	var m message
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('[') {
		return m, errors.New("not a JSON array")
	}
	if err := dec.Decode(&m.label); err != nil {
		return m, errors.New("label is not a string")
	}
	var err error
	switch m.label {
	case "EVENT", "AUTH":
		err = m.parseEvent(dec)
	case "REQ":
		err = m.parseREQ(dec)
	case "CLOSE":
		err = m.parseSub(dec)
	default:
		return m, errors.New("unknown label, want EVENT, REQ, CLOSE or AUTH")
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w", m.label, err)
	}
	if tok, err := dec.Token(); err != nil || tok != json.Delim(']') {
		return m, fmt.Errorf("%s: array does not end where it should", m.label)
	}
	if _, err := dec.Token(); err != io.EOF {
		return m, fmt.Errorf("%s: more after the array", m.label)
	}
	return m, nil
}

func (m *message) parseEvent(dec *json.Decoder) error {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return errors.New("no event")
	}
	event, err := parseEvent(raw)
	m.event, m.raw = event, raw
	return err
}

// parseEvent leaves fields alone that it does not know; nostr.Event's own
// decoder stumbles over them.
func parseEvent(raw []byte) (*nostr.Event, error) {
	var ev struct {
		ID        string          `json:"id"`
		PubKey    string          `json:"pubkey"`
		CreatedAt nostr.Timestamp `json:"created_at"`
		Kind      int             `json:"kind"`
		Tags      nostr.Tags      `json:"tags"`
		Content   string          `json:"content"`
		Sig       string          `json:"sig"`
	}
	if err := json.Unmarshal(raw, &ev); err != nil {
		return nil, errors.New("event has wrong types")
	}
	return (*nostr.Event)(&ev), nil
}

func (m *message) parseSub(dec *json.Decoder) error {
	if err := dec.Decode(&m.sub); err != nil || m.sub == "" || len(m.sub) > maxSubID {
		return errors.New("subscription id must be a string of 1 to 64 bytes")
	}
	return nil
}

func (m *message) parseREQ(dec *json.Decoder) error {
	if err := m.parseSub(dec); err != nil {
		return err
	}
	for dec.More() {
		if len(m.filters) == maxFilters {
			return fmt.Errorf("more than %d filters", maxFilters)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil || len(raw) == 0 || raw[0] != '{' {
			return errors.New("a filter is not an object")
		}
		var f nostr.Filter
		if err := f.UnmarshalJSON(raw); err != nil {
			return errors.New("a filter has wrong types")
		}
		m.filters = append(m.filters, f)
	}
	if len(m.filters) == 0 {
		return errors.New("no filter")
	}
	return nil
}

func (r *Relay) verify(ev *nostr.Event) string {
	if r.opts.Trusting {
		return ""
	}
	return verify(ev)
}

// verify returns why an event is refused, or "".
func verify(ev *nostr.Event) string {
	if ev.Kind < 0 || ev.Kind > 65535 {
		return "invalid: kind must be from 0 to 65535"
	}
	if len(ev.PubKey) != 64 || len(ev.Sig) != 128 {
		return "invalid: pubkey and sig must be 64 and 128 hex digits"
	}
	if !ev.CheckID() {
		return "invalid: id is not the event's hash"
	}
	if ok, err := ev.CheckSignature(); err != nil || !ok {
		return "invalid: signature does not verify"
	}
	return ""
}

// claimedID finds the event's id in the beginning of an EVENT message that is
// too long to be read.
func claimedID(start []byte) string {
	dec := json.NewDecoder(bytes.NewReader(start))
	depth := 0
	for first := true; ; first = false {
		tok, err := dec.Token()
		if err != nil {
			return ""
		}
		switch {
		case first && tok != json.Delim('['):
			return ""
		case tok == json.Delim('[') || tok == json.Delim('{'):
			depth++
		case tok == json.Delim(']') || tok == json.Delim('}'):
			depth--
		case depth == 1 && tok != "EVENT":
			return ""
		case depth == 2 && tok == "id":
			if id, err := dec.Token(); err == nil {
				s, _ := id.(string)
				return s
			}
			return ""
		}
	}
}
