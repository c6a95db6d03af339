// Package relay keeps connections to Nostr relays alive, subscribed and
// honest. It is the socket loop under a bot's inbox and outbox, and under any
// other client that must not miss an event.
//
// A [Pool] holds one leg per relay, and each leg is a state machine of its
// own: connect, answer the AUTH challenge (NIP-42), send a REQ (NIP-01), page
// back through what the relay kept, stay live. Whatever ends one of these
// steps (a lost socket, a half-open one, CLOSED with any reason, silence where
// an EOSE was due, a challenge out of the blue) leads back to a fresh REQ with
// a new subscription id and with filters computed anew, after a jittered
// wait. A leg never gives up, and no leg waits for another.
//
// # What is promised about events
//
// Every event handed to Config.Deliver has a recomputed id, fields of the
// right shape, and matches a filter of the current REQ (its since and until
// aside). The signature is not checked: a gift wrap's is made with a throw-away
// key and proves nothing, so whoever opens the event decides. Events come more
// than once (several relays, each fresh REQ); deduplicating them is the work
// of a durable ledger, after verification, and not done here.
//
// Deliver is called by one goroutine per leg. Between socket and Deliver is a
// queue of at most 256 events and 8 MiB per leg. A Deliver that blocks fills
// it; then the leg drops its subscription, and asks again when the queue is
// half empty. Meanwhile OKs and pongs of the same socket are still handled, so
// that a Deliver which waits for a Publish on the same relay gets its answer.
// What was dropped comes again with the fresh REQ: relays keep events.
// (Ephemeral kinds are not kept, there such an overflow does lose events.)
//
// # What is promised about publishing
//
// [Pool.Publish] reports what each relay said, and only an OK true or a
// "duplicate:" counts as delivered. No answer is a [Status] of its own: the
// relay may or may not have the event, so publish the same bytes again. A relay
// that limits our rate is given the pauses that it asks for, whoever publishes.
//
// # Bounds
//
// A message of more than 512 KiB is skipped without being held in memory, one
// of more than 16 MiB ends the connection. A malformed message is dropped and
// counted; 256 of them within a minute end the connection. Outgoing frames
// wait in a queue of 4 MiB per leg.
package relay
