package eventjson

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/mailru/easyjson/jlexer"
	"github.com/nbd-wtf/go-nostr"
)

// Bounds on what a stranger's event may hold. NIP-17 has one "p" tag per member
// of a group; clients stop far below this.
const (
	MaxTags     = 1024
	maxTagItems = 64
	maxKind     = 1<<16 - 1
)

// The fields of an event, as bits.
const (
	fieldID = 1 << iota
	fieldPubKey
	fieldCreatedAt
	fieldKind
	fieldTags
	fieldContent
	fieldSig

	requiredFields = fieldPubKey | fieldCreatedAt | fieldKind | fieldTags | fieldContent
)

// Errors of [Decode]. They say where, but never what: a decoder's own would quote
// the text.
var errMalformed = errors.New("malformed JSON")

// Decode reads an event more strictly than go-nostr does: each field once, of its
// type and of bounded size, so that no two readers can see two different events
// in it. Null is as good as absent; id and sig may be. Fields that NIP-01 does
// not know are skipped. It keeps nothing of data.
func Decode(data []byte) (*nostr.Event, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: not UTF-8", errMalformed)
	}
	in := &jlexer.Lexer{Data: data}
	ev, err := Read(in)
	in.Consumed()
	if err == nil && in.Error() != nil {
		err = wrong(in)
	}
	if err != nil {
		return nil, err
	}
	return ev, nil
}

func wrong(in *jlexer.Lexer) error {
	return fmt.Errorf("%w: wrong at byte %d", errMalformed, in.GetPos())
}

// Read is Decode in the middle of something longer, whose UTF-8 the caller has
// checked.
func Read(in *jlexer.Lexer) (*nostr.Event, error) {
	ev, seen := new(nostr.Event), 0
	in.Delim('{')
	for !in.IsDelim('}') {
		name := in.UnsafeFieldName(false)
		in.WantColon()
		field := fieldNamed(name)
		switch {
		case field == 0:
			in.SkipRecursive()
		case in.IsNull():
			in.Skip()
		case seen&field != 0:
			return nil, fmt.Errorf("%w: a field twice", errMalformed)
		default:
			seen |= field
			decodeField(in, field, ev)
		}
		in.WantComma()
	}
	in.Delim('}')
	switch {
	case in.Error() != nil:
		return nil, wrong(in)
	case seen&requiredFields != requiredFields:
		return nil, fmt.Errorf("%w: a field is missing", errMalformed)
	}
	return ev, nil
}

func fieldNamed(name string) int {
	switch name {
	case "id":
		return fieldID
	case "pubkey":
		return fieldPubKey
	case "created_at":
		return fieldCreatedAt
	case "kind":
		return fieldKind
	case "tags":
		return fieldTags
	case "content":
		return fieldContent
	case "sig":
		return fieldSig
	}
	return 0
}

var errRange = errors.New("out of range")

func decodeField(in *jlexer.Lexer, field int, ev *nostr.Event) {
	switch field {
	case fieldID:
		ev.ID = in.String()
	case fieldPubKey:
		ev.PubKey = in.String()
	case fieldCreatedAt:
		ev.CreatedAt = nostr.Timestamp(in.Int64())
	case fieldKind:
		if ev.Kind = in.Int(); ev.Kind < 0 || ev.Kind > maxKind {
			in.AddError(errRange)
		}
	case fieldTags:
		ev.Tags = decodeTags(in)
	case fieldContent:
		ev.Content = in.String()
	case fieldSig:
		ev.Sig = in.String()
	}
}

func decodeTags(in *jlexer.Lexer) nostr.Tags {
	tags := nostr.Tags{}
	in.Delim('[')
	for !in.IsDelim(']') {
		if len(tags) == MaxTags {
			in.AddError(errRange)
			return nil
		}
		tag := nostr.Tag{}
		in.Delim('[')
		for !in.IsDelim(']') {
			if len(tag) == maxTagItems {
				in.AddError(errRange)
				return nil
			}
			tag = append(tag, in.String())
			in.WantComma()
		}
		in.Delim(']')
		tags = append(tags, tag)
		in.WantComma()
	}
	in.Delim(']')
	return tags
}
