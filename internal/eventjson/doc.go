// Package eventjson reads and writes Nostr events as JSON, and computes their
// ids. It is stricter than go-nostr where bytes are foreign, and quicker: both
// the relay's socket and the opening of a message go through it.
package eventjson
