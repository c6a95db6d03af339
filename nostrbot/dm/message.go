package dm

import "time"

// Protocol is the way a DM travels: which NIP the two clients speak.
type Protocol string

const (
	// NIP17 is a private direct message: a kind 14 rumor in a seal in a gift
	// wrap (NIP-17, NIP-44, NIP-59).
	NIP17 Protocol = "nip17"
	// NIP04 is the older encrypted direct message of kind 4. It has no
	// message authentication of its own: the event's signature is the only
	// proof of who wrote it.
	NIP04 Protocol = "nip04"
)

// Message is a DM that was decrypted and verified by [Open].
type Message struct {
	// ID names the message for deduplication: the rumor's id for NIP-17, the
	// event's id for NIP-04. It is recomputed, never the one claimed.
	ID string
	// EventID is the id of the event that carried it: the gift wrap's or, for
	// NIP-04, the same as ID. Several wraps may carry one rumor.
	EventID string
	// From is the author: the key that signed the seal or the kind 4 event.
	From PubKey
	// Kind is 14 for NIP-17 chat text, 4 for NIP-04. Other rumor kinds that
	// appear in chats are 15 (file), 7 (reaction) and 5 (deletion).
	Kind int
	// Text is the decrypted content: valid UTF-8, otherwise as it came. It
	// may hold control characters.
	Text string
	// SentAt is the author's own date, whole seconds: the rumor's for NIP-17,
	// never the wrap's, which is random.
	SentAt time.Time
	// Dated is the same as the event bears it, which may be ahead of now: what
	// the author's client sorts by. The two events of a message that was sent
	// by both protocols bear about the same date.
	Dated time.Time
	// Via is the protocol it came by.
	Via Protocol
	// ReplyTo is the id in the last "e" tag: which message this one answers.
	// Empty when there is none.
	ReplyTo string
}

// Draft is a DM to be sealed. All of it but ReplyTo and Nonce must be set.
type Draft struct {
	To PubKey
	// Text is UTF-8, not empty, at most [MaxText] long.
	Text string
	Via  Protocol
	// At is the message's own date; whole seconds count.
	At time.Time
	// ReplyTo is the ID of the message that this one answers; may be empty.
	ReplyTo string
	// Nonce tells two NIP-17 messages of the same text, date and recipient
	// apart, which would have one id, so that clients would show one of them;
	// may be empty. The recipient can see it. NIP-04 needs none.
	Nonce string
}

// Sealed is a DM ready to be published.
type Sealed struct {
	// ID is what the recipient's client tells messages apart by: the rumor's
	// id for NIP-17, the event's id for NIP-04.
	ID string
	// Via is the protocol it was sealed for.
	Via Protocol
	// Event is the signed event, as canonical JSON. Publishing the same
	// bytes again is always safe.
	Event []byte
	// Rumor is the unsigned inner event as JSON for NIP-17, from which [Wrap]
	// makes a new wrap around the same message; nil for NIP-04.
	Rumor []byte
}
