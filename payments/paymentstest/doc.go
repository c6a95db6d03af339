// Package paymentstest holds the suites that every implementation of a
// contract in package payments passes: [TestKV] and [TestDurableKV] for a KV,
// [TestProvider] for a wallet that is paid, [TestPayer] for one that pays.
// What else a wallet can do is tested with these two where it can. An adapter's
// test is one call:
//
//	func TestKV(t *testing.T) {
//		paymentstest.TestKV(t, func(t *testing.T) payments.KV { return open(t) })
//	}
//
// [Faults] makes a wallet fail on demand, for the tests of a shop: late, lost
// and wrong answers, notices twice and out of order. [Signature] signs webhooks
// as wallets do.
package paymentstest
