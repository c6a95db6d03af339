// Package lnd lets a shop be paid, and pay, through an lnd of its own: a
// payments.Provider over lnd's REST interface, with the standard library alone.
//
//	wallet, err := lnd.New(lnd.Config{
//		URL:         "https://127.0.0.1:8080",
//		Cert:        cert, // tls.cert
//		Macaroon:    macaroon,
//		PreimageKey: key,
//		Network:     bolt11.Mainnet,
//	})
//
// A [Wallet] is also a payments.Finder, Watcher, Payer, Holder and Describer.
// For refunds to a Lightning address give it to payments.RefundByInvoice.
//
// # Least privileges
//
// Bake a macaroon that allows what is used, and nothing else:
//
//	lncli bakemacaroon --save_to shop.macaroon \
//	  uri:/lnrpc.Lightning/GetInfo \
//	  uri:/lnrpc.Lightning/AddInvoice \
//	  uri:/lnrpc.Lightning/LookupInvoice \
//	  uri:/lnrpc.Lightning/SubscribeInvoices
//
// A shop that refunds adds uri:/routerrpc.Router/SendPaymentV2 and
// uri:/routerrpc.Router/TrackPaymentV2; one that holds adds AddHoldInvoice,
// SettleInvoice and CancelInvoice of /invoicesrpc.Invoices (an lnd built with
// the tag invoicesrpc, as the released ones are). The node's own
// invoice.macaroon is enough to be paid, but allows more. A macaroon that may
// pay may pay anybody everything: keep little money in that node, or put an
// lnd account with a budget in between.
//
// Who reads invoices through lnd sees the preimages of unpaid ones, and could
// claim a payment on its way: LookupInvoice is a right to be given with care.
//
// # What holds
//
// One Charge's Key is one invoice: its preimage is made of the PreimageKey and
// the Key, and lnd stores each payment hash once. Create again as often as you
// like, from as many processes as you like.
//
// One BOLT 11 invoice is paid at most once. lnd itself refuses a hash that was
// paid or is on its way, and Pay then follows that payment. The end of a
// request, of lnd, of the connection or of PayTimeout is never a failure: a
// committed HTLC ends when the network ends it, which can take days. A failure
// is told only when lnd's look-up by hash says it.
//
// Every invoice that lnd makes is read back strictly: network, hash and amount
// must be the ones asked for. A payment succeeded when its preimage is of its
// hash, not because lnd says so.
//
// # Limits
//
// lnd has no place for a shop's key: an Invoice does not name it. A hold leaves
// two more invoices in lnd, without an amount and expired at once, that say
// which key and which hash belong together. An lnd that deletes cancelled
// invoices (gc-canceled-invoices-on-startup, -on-the-fly) forgets those, and
// expired invoices: leave that off. Watch does not tell of held payments. A
// deadline is an estimate for an lnd with its default of 12 blocks
// (invoices.holdexpirydelta). No on-chain fallback, no AMP, no keysend, no
// invoices without an amount.
//
// An lnd that loses its power in the very moment in which a payment arrives can
// take it for a replay when it starts again, and give the money back, while its
// invoice keeps saying ACCEPTED, or SETTLED (seen with v0.20.0-beta in about one
// of fifty such kills under load). After a power cut, compare the orders of that
// second with the channels' balance; the payer's word, a failed payment, is true.
//
// # Verified
//
// All of the above was tested against lnd v0.20.0-beta, three nodes on regtest
// with real channels (internal/lntest), lnd killed and started again in the
// middle of payments among it. Facts read in lnd's source and not met live:
// its words before it has started or while its wallet is locked. Not tried:
// other versions, mainnet, a node behind a proxy or Tor, litd accounts.
package lnd
