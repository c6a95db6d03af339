package redisstore

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// Times are microseconds since 1970: 16 digits, which a score of Redis holds
// exactly until the year 2255.

func micro(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }

func fromMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }

// packID halves the ids that most are: 64 hex digits. What is not that is kept
// as it is.
func packID(id string) string {
	var raw [32]byte
	if len(id) == 64 && strings.ToLower(id) == id {
		if _, err := hex.Decode(raw[:], []byte(id)); err == nil {
			return "#" + string(raw[:])
		}
	}
	return "=" + id
}

var errDamaged = errors.New("a value in Redis is damaged, or another program's: was the prefix used before?")

func unpackID(packed string) (string, error) {
	switch {
	case strings.HasPrefix(packed, "="):
		return packed[1:], nil
	case strings.HasPrefix(packed, "#") && len(packed) == 33:
		return hex.EncodeToString([]byte(packed[1:])), nil
	}
	return "", fmt.Errorf("id: %w", errDamaged)
}

// states are the first byte of what Update changes; the scripts know them.
var states = map[nostrbot.ParcelState]byte{
	nostrbot.ParcelPending: 'p', nostrbot.ParcelSent: 's', nostrbot.ParcelGivenUp: 'g',
}

// packMoving encodes what Update changes of a parcel.
func packMoving(p nostrbot.Parcel) []byte {
	b := make([]byte, 0, len(p.Event)+32+64*len(p.Receipts))
	b = append(b, states[p.State])
	b = binary.AppendUvarint(b, uint64(p.Attempts))
	b = binary.AppendVarint(b, p.DueAt.UnixMicro())
	b = binary.AppendUvarint(b, uint64(len(p.Receipts)))
	for _, r := range p.Receipts {
		b = appendString(b, r.Relay)
		b = binary.AppendVarint(b, r.At.UnixMicro())
	}
	return append(b, p.Event...)
}

// packFixed encodes what stays, save the rumor. The scripts read the time and
// what the parcel is for.
func packFixed(p nostrbot.Parcel) []byte {
	var cause string
	if p.For != "" {
		cause = packID(p.For)
	}
	b := fmt.Appendf(nil, "%d %d %s", p.CreatedAt.UnixMicro(), len(cause), cause)
	b = appendString(b, string(p.Via))
	b = binary.AppendUvarint(b, uint64(len(p.Relays)))
	for _, r := range p.Relays {
		b = appendString(b, r)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// unpackParcel decodes the four values of a parcel.
func unpackParcel(to nostrbot.PubKey, id, moving, fixed, rumor string) (nostrbot.Parcel, error) {
	p := nostrbot.Parcel{To: to, Rumor: fromString(rumor)}
	var err error
	if p.ID, err = unpackID(id); err != nil {
		return p, err
	}
	m := reader{rest: moving}
	state := m.byte()
	for s, b := range states {
		if b == state {
			p.State = s
		}
	}
	p.Attempts = int(m.uvarint())
	p.DueAt = fromMicro(m.varint())
	for range m.count() {
		relay := m.string()
		p.Receipts = append(p.Receipts, nostrbot.Receipt{Relay: relay, At: fromMicro(m.varint())})
	}
	p.Event = fromString(m.rest)

	f := reader{rest: fixed}
	p.CreatedAt = fromMicro(f.number())
	if cause := f.take(uint64(f.number())); cause != "" {
		if p.For, err = unpackID(cause); err != nil {
			return p, err
		}
	}
	p.Via = nostrbot.Protocol(f.string())
	for range f.count() {
		p.Relays = append(p.Relays, f.string())
	}
	if m.bad || f.bad || f.rest != "" || p.State == "" {
		return p, fmt.Errorf("parcel: %w", errDamaged)
	}
	return p, nil
}

// packRun encodes a run for its hash, and its time of waking for the scores, ""
// when it has none. The scripts read the time of the commit, and the customer
// at the end.
func packRun(r nostrbot.Run, now time.Time) (value, wake string) {
	wake = "-"
	if !r.WakeAt.IsZero() {
		wake = micro(r.WakeAt)
	}
	value = micro(now) + " " + wake + " " + string(r.Customer[:])
	return value, strings.TrimSuffix(wake, "-")
}

func unpackRun(key, value string) (r nostrbot.Run, put time.Time, err error) {
	times, ok := strings.CutSuffix(value, " "+value[max(0, len(value)-len(r.Customer)):])
	at, wake, two := strings.Cut(times, " ")
	if !ok || !two {
		return r, put, fmt.Errorf("run: %w", errDamaged)
	}
	us, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return r, put, fmt.Errorf("run: %w", errDamaged)
	}
	r = nostrbot.Run{Key: key, Customer: nostrbot.PubKey([]byte(value[len(times)+1:]))}
	if wake != "-" {
		wakeUs, err := strconv.ParseInt(wake, 10, 64)
		if err != nil {
			return r, put, fmt.Errorf("run: %w", errDamaged)
		}
		r.WakeAt = fromMicro(wakeUs)
	}
	return r, fromMicro(us), nil
}

// fromString copies s; empty becomes nil.
func fromString(s string) []byte { return append([]byte(nil), s...) }

// reader takes values off a string; bad says that it was too short.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.bad, n = true, uint64(len(r.rest))
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) byte() byte {
	if s := r.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	r.bad = r.bad || size <= 0
	r.take(uint64(max(size, 0)))
	return n
}

func (r *reader) varint() int64 {
	n, size := binary.Varint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	r.bad = r.bad || size <= 0
	r.take(uint64(max(size, 0)))
	return n
}

// count is how many things follow; each has a byte at least.
func (r *reader) count() uint64 {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, n = true, 0
	}
	return n
}

func (r *reader) string() string { return r.take(r.uvarint()) }

// number is a decimal, up to a space.
func (r *reader) number() int64 {
	text, _, ok := strings.Cut(r.rest, " ")
	n, err := strconv.ParseInt(text, 10, 64)
	r.bad = r.bad || !ok || err != nil
	r.take(uint64(len(text)) + 1)
	return n
}
