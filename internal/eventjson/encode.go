package eventjson

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"sync"

	"github.com/nbd-wtf/go-nostr"
)

// Encode writes an event with the escapes that NIP-01 hashes, so that the bytes
// say the same to every reader. An event without a sig, as a rumor is, gets
// none.
func Encode(ev *nostr.Event) []byte {
	dst := make([]byte, 0, size(ev))
	dst = appendString(append(dst, `{"id":`...), ev.ID)
	dst = appendString(append(dst, `,"pubkey":`...), ev.PubKey)
	dst = strconv.AppendInt(append(dst, `,"created_at":`...), int64(ev.CreatedAt), 10)
	dst = strconv.AppendInt(append(dst, `,"kind":`...), int64(ev.Kind), 10)
	dst = appendTags(append(dst, `,"tags":`...), ev.Tags)
	dst = appendString(append(dst, `,"content":`...), ev.Content)
	if ev.Sig != "" {
		dst = appendString(append(dst, `,"sig":`...), ev.Sig)
	}
	return append(dst, '}')
}

// size is at least that of an event with valid id, pubkey and sig.
func size(ev *nostr.Event) int {
	n := 400 + TextSize(ev.Content)
	for _, tag := range ev.Tags {
		n += 3
		for _, item := range tag {
			n += 3 + TextSize(item)
		}
	}
	return n
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxKept bounds the buffers that are kept for the next event.
const maxKept = 64 << 10

// ID is the hash of NIP-01's serialisation, whatever id the event claims.
func ID(ev *nostr.Event) (id [32]byte) {
	buf := buffers.Get().(*[]byte)
	b := appendString(append((*buf)[:0], `[0,`...), ev.PubKey)
	b = strconv.AppendInt(append(b, ','), int64(ev.CreatedAt), 10)
	b = strconv.AppendInt(append(b, ','), int64(ev.Kind), 10)
	b = appendTags(append(b, ','), ev.Tags)
	b = append(appendString(append(b, ','), ev.Content), ']')
	id = sha256.Sum256(b)
	if cap(b) <= maxKept {
		clear(b) // it may have been a message
		*buf = b
		buffers.Put(buf)
	}
	return id
}

// CheckID tells whether the event's id is its hash, in lower-case hex.
func CheckID(ev *nostr.Event) bool {
	var digits [64]byte
	id := ID(ev)
	hex.Encode(digits[:], id[:])
	return ev.ID == string(digits[:])
}

func appendTags(dst []byte, tags nostr.Tags) []byte {
	dst = append(dst, '[')
	for i, tag := range tags {
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
	return append(dst, ']')
}

// plain are the bytes that a JSON string holds as they are.
var plain = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return plain
}()

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		if plain[s[i]] {
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

// TextSize is the length of s as JSON writes it, without the quotes.
func TextSize(s string) int {
	n := len(s)
	for i := range len(s) {
		if !plain[s[i]] {
			n += escapedLen(s[i]) - 1
		}
	}
	return n
}

// escapedLen is the length of a byte that is not plain.
func escapedLen(c byte) int {
	if c >= ' ' || c == '\b' || c == '\t' || c == '\n' || c == '\f' || c == '\r' {
		return 2
	}
	return 6
}
