package relay

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Status is what became of an event at one relay (NIP-01's OK message).
type Status int

const (
	// NoAnswer is the zero Status: not connected, socket lost, or no OK in
	// time. The relay may have the event or not; publish it again.
	NoAnswer Status = iota
	// Accepted is OK true, or OK false with "duplicate:".
	Accepted
	// AuthRequired is a refusal with "auth-required:" that answering the
	// challenge did not lift, or could not be tried.
	AuthRequired
	// Transient is "rate-limited:", "error:", or a reason without a prefix
	// that we know: try again later.
	Transient
	// Pow is "pow:": the relay wants more work (NIP-13); see
	// [Verdict.Difficulty].
	Pow
	// Refused is for good: "blocked:", "invalid:", "restricted:", "mute:",
	// "replaced:", "deleted:"; or the pool itself cannot send it, then
	// [Verdict.Err] says why.
	Refused
)

// String is the status in lower case, for logs.
func (s Status) String() string {
	switch s {
	case NoAnswer:
		return "no answer"
	case Accepted:
		return "accepted"
	case AuthRequired:
		return "auth required"
	case Transient:
		return "transient"
	case Pow:
		return "pow"
	case Refused:
		return "refused"
	}
	return "status " + strconv.Itoa(int(s))
}

// Verdict is one relay's answer to one event.
type Verdict struct {
	// Relay is the normalised URL.
	Relay  string
	Status Status
	// Reason is the relay's own text, cut at 512 bytes: foreign, possibly
	// empty.
	Reason string
	// Err says why there is no answer, or why the event was not sent. Nil
	// whenever the relay answered.
	Err error
	// At is when the answer came, or when waiting ended.
	At time.Time
	// RetryAt is when the relay may be tried again, if it said
	// "rate-limited:" now ([Transient]) or before ([ErrHeld]).
	RetryAt time.Time
}

// Delivered tells that the relay has the event.
func (v Verdict) Delivered() bool { return v.Status == Accepted }

// Final tells that publishing the same bytes to this relay again is useless.
func (v Verdict) Final() bool { return v.Status == Refused }

// Difficulty is the number of leading zero bits that a relay asks for in a
// "pow:" refusal, 0 if it does not say. Relays word it freely, so this is the
// largest number from 1 to 256 in the text ("difficulty 26 is less than 30").
func (v Verdict) Difficulty() int {
	if v.Status != Pow {
		return 0
	}
	bits := 0
	for _, word := range strings.FieldsFunc(v.Reason, func(r rune) bool { return !unicode.IsDigit(r) }) {
		if n, err := strconv.Atoi(word); err == nil && n <= 256 {
			bits = max(bits, n)
		}
	}
	return bits
}

// DateRefused tells that a relay refused the event for its created_at: a gift
// wrap may be made anew with another date, around the same message. The
// wording is guessed, as there is no prefix of its own.
func (v Verdict) DateRefused() bool {
	return v.DateAhead() || v.invalid("created_at", "timestamp", "too far", "too old", "past")
}

// DateAhead tells that a relay refused the event for a date in the future, which
// will not stay one: by the relay's clock ours is ahead. The wording is guessed,
// too.
func (v Verdict) DateAhead() bool { return v.invalid("future", "too late", "too new") }

// invalid tells that the refusal is "invalid:" with one of the hints.
func (v Verdict) invalid(hints ...string) bool {
	if v.Status != Refused || !strings.HasPrefix(v.Reason, "invalid:") {
		return false
	}
	reason := strings.ToLower(v.Reason)
	return slices.ContainsFunc(hints, func(hint string) bool { return strings.Contains(reason, hint) })
}

// statusOf reads an OK message.
func statusOf(ok bool, reason string) Status {
	prefix, _, found := strings.Cut(reason, ":")
	if ok || found && prefix == "duplicate" {
		return Accepted
	}
	if !found {
		return Transient
	}
	switch prefix {
	case "auth-required":
		return AuthRequired
	case "pow":
		return Pow
	case "blocked", "invalid", "restricted", "mute", "replaced", "deleted":
		return Refused
	}
	return Transient
}
