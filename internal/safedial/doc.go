// Package safedial dials hosts that a stranger named: the relays in a
// customer's list, the domain of their Lightning address, the callback that
// domain answers with. Without a guard each of them is a way to make the shop
// talk to its own database, its router or its cloud's metadata service.
//
//	guard, err := safedial.New(safedial.Options{})
//	client := guard.Client()
//	resp, err := client.Get(url)
//	body, err := safedial.ReadAll(resp.Body, 256<<10)
//
// # What is guaranteed
//
//   - Only addresses of the public unicast Internet are dialled ([Public]). The
//     check is made on the address of each connect call, after resolution, so
//     every spelling of an address and every DNS answer that changes between
//     look-up and dial meets the same check.
//   - Only https, only the ports asked for (443), no user info. A .onion host is
//     refused unless there is a proxy into Tor, and then it may be http.
//   - At most two redirects, all to the same host, port and scheme.
//   - A connection is there within 2 s and a whole exchange, body included,
//     within 5 s, unless set otherwise. No proxy is taken from the environment,
//     no cookies, no transparent decompression, headers up to 64 KiB, and few
//     idle connections for a short time.
//
// WebSocket libraries that take an http.Client, such as coder/websocket, dial
// wss through [Guard.Client] under the same rules.
//
// # The sandbox
//
// Demos and tests run the strangers on loopback. They list each one as a
// [Host]: exact name and port, where it really listens, and the certificate
// authority that signs for it. Nothing else is let through by that, and the
// authority counts for that host only.
package safedial
