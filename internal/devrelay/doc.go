// Package devrelay is a small Nostr relay (NIP-01, NIP-11, NIP-42) in memory,
// for tests and demos, that misbehaves on demand.
//
// As a relay it is strict and orderly: ids and signatures are verified, events
// reach live subscriptions in the order of their acceptance, and between a
// subscription's stored events and its live ones there is no gap and no
// duplicate, since one lock covers both. A subscriber that does not read is
// cut off; it holds up nobody.
//
// As a test double it has two more sides. [Faults] switches faults on and off
// while it runs: refusals, silence, cuts, half-open sockets, forged events.
// [Relay.Wait] tells when the n-th REQ, EVENT, AUTH or connection arrived, so
// that a test needs no sleep.
//
//	relay, err := devrelay.Start("127.0.0.1:0", devrelay.Options{})
//	defer relay.Close()
//	relay.Faults.RefuseEvents("rate-limited: slow down")
//	seen, err := relay.Wait(ctx, devrelay.EVENT, 1)
//
// Events live in memory, at most Options.MaxEvents of them; nothing is
// durable.
package devrelay
