// Package dm opens and seals the two kinds of direct message that Nostr
// clients send: the private message of NIP-17 (a kind 14 rumor in a kind 13
// seal in a kind 1059 gift wrap) and the older kind 4 of NIP-04.
//
// It knows no relay and keeps no state: bytes in, a verified [Message] out, and
// the reverse. [Inbox] says what to ask the relays for, [Open] turns what they
// deliver into a message or refuses it, [Seal] makes an event to be published,
// and [Wrap] puts a fresh envelope around a message that was sealed before. The
// key stays behind a [Signer]; [Nsec] is the one for a key at hand. [Split] cuts
// a long text into parts that relays take, and [OpenRelayList] reads where
// somebody wants to be written to.
//
// # What Open promises
//
// A Message is what its author signed, and it was written to us:
//
//   - Message.From is the key that signed the seal, or the kind 4 event. The
//     rumor inside must name the same author (NIP-17).
//   - Message.ID is recomputed from the content. An id that was claimed and
//     does not match is refused.
//   - The event and the message in it name us in a "p" tag.
//   - It is of a kind that belongs in a chat, and its date is within [MaxAge]
//     and [MaxSkew] of now.
//   - Text is valid UTF-8. It may be empty, and it may hold anything else.
//
// So a caller may record Message.ID as seen before anything else happens to it:
// nobody can spoil a message by sending a forgery under its id first. What is
// refused must not be recorded.
//
// One thing is left out, on purpose. The signature of a gift wrap is not
// checked: its key is thrown away and proves nothing, the cipher authenticates
// the content, and nothing is taken from the wrap but its id. Two wraps may
// carry one message; tell messages apart by ID, never by EventID.
//
// Whether an id was seen before is the caller's to know, and so is who may
// write at all. A message to a group that we are a member of is opened like any
// other.
//
// # What it costs
//
// Checks go in the order of their price: shape and size, then hashes, then
// curve operations. An event that was made up without our public key in it
// costs a few microseconds, a well-formed one that does not decrypt one
// multiplication on the curve, about 0.15 ms. A message is opened in 0.3 ms and
// sealed in as much; NIP-04 takes half of that and less.
//
// Errors and the printed form of a key hold no secret and no text of a message.
//
// # Two builds
//
// By default the curve arithmetic is btcec's, pure Go; like it, signing and key
// agreement are not constant-time against somebody who measures this very
// processor.
//
// With the build tag secp256k1 and cgo, keys, signatures and key agreement are
// those of the C library libsecp256k1 (0.2.0 or later, with its modules
// schnorrsig, extrakeys and ecdh; in Debian libsecp256k1-dev). Opening and
// sealing then take about a third of the time, and what touches a secret is
// constant-time. Nothing else changes.
//
//	CGO_ENABLED=1 go build -tags secp256k1
package dm
