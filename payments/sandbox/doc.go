// Package sandbox is a pretend Lightning network for demos and tests. It moves
// no real money, and shows it: invoices are for regtest (lnbcrt...) and their
// description begins with SANDBOX. All else is what a shop meets in earnest:
// signed BOLT 11 invoices, preimages that prove payments, expiry, errors with
// an outcome.
//
//	network := sandbox.New(payments.NewMemoryKV(), sandbox.Options{})
//	shop, err := network.Wallet(ctx, "shop")
//	customer, err := network.Wallet(ctx, "customer")
//
// A [Wallet] has every capability of package payments: it is paid and pays,
// finds, watches, sends and verifies webhooks, holds, refunds. Nothing settles
// by itself: an invoice is settled when a wallet pays it.
//
// # What holds
//
// One network is one KV. Several [Network] values, in several processes, may
// share it: with a KV that they share, they are one network.
//
// A payment is one Put: the next entry of an append-only journal. It happened
// or it did not, whatever crashes; an invoice is paid at most once, by one
// wallet; and since each payment is checked against all before it, no wallet
// ever spends more than it has, and the sum of all balances never changes. What
// a Network remembers of the journal cannot go stale, since entries never
// change; it reads on from there at each call. The price is that payments of
// one network happen one after the other.
//
// The preimage of an invoice is derived from the wallet's key and the Charge's
// Key: to create again under one Key, even at the same moment in two processes,
// gives the very same invoice.
//
// Money on hold has left the payer and reached nobody. It goes to the payee
// when they settle, else back to the payer when they cancel or the hold's time
// is over; whoever looks first enters that in the journal.
//
// The clock decides on expiry when a payment begins, as with a node. A look-up
// in the same instant may say Expired, and the next one Settled.
//
// Node keys and preimages lie in the KV in the clear: it is a sandbox. They do
// not come out in errors or logs.
package sandbox
