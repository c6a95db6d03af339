// Package payments is the contract between a shop and a Lightning wallet.
//
// A wallet is a [Provider]: it creates an invoice under a key of the shop's
// choosing and looks one up. What else a wallet can do is an interface of its
// own, found by type assertion, so that no adapter pretends:
//
//	if payer, ok := wallet.(payments.Payer); ok { ... }
//
// These are [Finder], [Watcher], [WebhookVerifier], [Payer], [Refunder],
// [Holder] and [Describer].
//
// A [Till] charges customers with any of them: one invoice per key, looked up
// until nothing more is expected, and each [Change] told until it is taken.
//
// A shop buys what it sells from a [Supplier]: prepare without money, commit,
// look up.
//
// What must outlive the process is kept in a [KV]. Each contract has its suite
// in package paymentstest; payments/sandbox is a wallet for demos and tests.
//
// # Money
//
// Amounts are [Msat], an integer of millisatoshi used like time.Duration:
// 900 * payments.Sat. There are no floats in this package.
//
// # Outcomes
//
// A call that moves money can fail in three ways, and only one of them may be
// repeated. Every [Error] says which: the zero value is [OutcomeUnknown], so a
// forgotten field never reads as "safe to try again". See [MayRepeat].
package payments
