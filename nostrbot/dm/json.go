package dm

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/mailru/easyjson/jlexer"
	"github.com/nbd-wtf/go-nostr"
)

// Bounds on what a stranger's event may hold. NIP-17 has one "p" tag per member
// of a group; clients stop far below this.
const (
	maxTags     = 1024
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

// decodeEvent reads the JSON of a seal or a rumor more strictly than go-nostr
// does: each field once, of its type and of bounded size, so that no two
// readers can see two different messages in it. Null is as good as absent; id
// and sig may be. Fields that NIP-01 does not know are skipped.
//
// Its errors say where, but never what: a decoder's own would quote the text.
func decodeEvent(text string) (*nostr.Event, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: JSON is not UTF-8", ErrMalformed)
	}
	in := &jlexer.Lexer{Data: []byte(text)}
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
			return nil, fmt.Errorf("%w: JSON with a field twice", ErrMalformed)
		default:
			seen |= field
			decodeField(in, field, ev)
		}
		in.WantComma()
	}
	in.Delim('}')
	in.Consumed()
	switch {
	case in.Error() != nil:
		return nil, fmt.Errorf("%w: JSON is wrong at byte %d", ErrMalformed, in.GetPos())
	case seen&requiredFields != requiredFields:
		return nil, fmt.Errorf("%w: JSON lacks a field", ErrMalformed)
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
		if len(tags) == maxTags {
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

// encodeEvent writes an event with the escapes that NIP-01 hashes, so that the
// bytes say the same to every reader. A rumor has no sig and gets none.
func encodeEvent(ev *nostr.Event) []byte {
	dst := make([]byte, 0, 400+jsonLen(ev.Content))
	dst = appendString(append(dst, `{"id":`...), ev.ID)
	dst = appendString(append(dst, `,"pubkey":`...), ev.PubKey)
	dst = strconv.AppendInt(append(dst, `,"created_at":`...), int64(ev.CreatedAt), 10)
	dst = strconv.AppendInt(append(dst, `,"kind":`...), int64(ev.Kind), 10)
	dst = append(dst, `,"tags":[`...)
	for i, tag := range ev.Tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		for j, item := range tag {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, item)
		}
		dst = append(dst, ']')
	}
	dst = appendString(append(dst, `],"content":`...), ev.Content)
	if ev.Sig != "" {
		dst = appendString(append(dst, `,"sig":`...), ev.Sig)
	}
	return append(dst, '}')
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		if escapedLen(s[i]) == 1 {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// jsonLen is the length of s as JSON writes it, without the quotes.
func jsonLen(s string) int {
	n := 0
	for i := range len(s) {
		n += escapedLen(s[i])
	}
	return n
}

func escapedLen(c byte) int {
	switch {
	case c >= ' ' && c != '"' && c != '\\':
		return 1
	case c >= ' ' || c == '\b' || c == '\t' || c == '\n' || c == '\f' || c == '\r':
		return 2
	}
	return 6
}
