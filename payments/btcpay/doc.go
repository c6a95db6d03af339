// Package btcpay lets a shop be paid, and pay, through a store of a BTCPay
// Server: a payments.Provider over its Greenfield API, with the standard
// library alone, for versions 1.13 to 2.4.
//
//	wallet, err := btcpay.New(btcpay.Config{
//		URL:            "https://btcpay.example",
//		StoreID:        store,
//		APIKey:         key,
//		Network:        bolt11.Mainnet,
//		WebhookSecrets: []btcpay.WebhookSecret{secret},
//	})
//
// A [Wallet] is also a payments.Finder, WebhookVerifier, Payer, Refunder and
// Describer. BTCPay has no stream of events: a payments.Till hears of a payment
// by webhook, and polls.
//
// # Least privileges
//
// Make an API key under Account, API Keys, for the one store, with these
// permissions (each ends in ":STOREID" when it is for one store):
//
//	btcpay.store.cancreateinvoice
//	btcpay.store.canviewinvoices
//
// That is all for a shop that is paid. One that pays invoices, refunds to
// invoices among them, adds the right to use the store's node (which may pay
// anybody everything: keep little money in it):
//
//	btcpay.store.canuselightningnode
//
// One that refunds to Lightning addresses adds
//
//	btcpay.store.cancreatepullpayments
//	btcpay.store.canviewpullpayments
//	btcpay.store.canarchivepullpayments
//	btcpay.store.canviewstoresettings
//
// and [Wallet.Subscribe] needs btcpay.store.webhooks.canmodifywebhooks; without
// it make the webhook by hand, with the secret of the Config.
//
// # The store's settings
//
// Enable Lightning. Set the description template of its invoices to
// "{ItemDescription}": the default tells the payer the order's id. For refunds
// to addresses add the automated Lightning sender under Payout Processors, and
// let it process approved payouts instantly; [Wallet.CheckPayouts] tells when
// one is missing.
//
// # What holds
//
// One Charge's Key is one invoice, see [Wallet.CreateInvoice]. Only Lightning is
// offered, exactly the amount, in bitcoin. Each BOLT 11 invoice that BTCPay hands
// out is read strictly: network, amount and signature.
//
// An invoice that is paid after its end stays Expired in BTCPay for ever. Here it
// is Settled and Late. One that a person marked as settled is Manual, with what
// was really received.
//
// A webhook is a hint. BTCPay sends it again only after no answer, 408, 429 or
// 5xx, for about an hour, and loses it with any other answer and with a restart:
// payments.Till answers 503 when it could not keep the notice, and looks every
// open invoice up anyway.
//
// A payment succeeded when its preimage is of its hash. It failed only when the
// look-up by hash says so. After a lost answer, a generic-error or a 5xx it is
// unknown, until the look-up proves.
//
// A refund to an address is a pull payment over exactly its amount, so that
// claiming it twice, as after a lost answer, is an overdraft to BTCPay and not a
// second payment; BTCPay itself pays an address as often as it is claimed. The
// id of a pull payment is a bearer secret: it is in the attempt, and nowhere
// else. A refund failed only when its pull payment is archived and nothing of it
// was or is being paid. A refund to a BOLT 11 invoice is a payment like any
// other: claimed of a pull payment, BTCPay would refuse one that does not live
// for another thirty days.
//
// # Limits
//
// Whole satoshi. No hold invoices, no on-chain part, no fiat prices. BTCPay does
// not say which network it is on: the first invoice shows it. When two processes
// create under one Key at the same moment, without a payments.Till, each may
// show an invoice. That one payment hash is paid once is the node's doing: lnd,
// Core Lightning and phoenixd refuse it; others, see their documentation. A
// payout has no fee limit and does not tell its fee. Each refund to an address
// leaves a pull payment in the store; archive old ones, and their Keys are
// forgotten. BTCPay tries a payout that failed again; cancel it there to end it.
// A server before 2.0 can show a payout as cancelled that a person cancelled in
// the very moment in which it was paid: ask the node before you refund again.
//
// # Verified
//
// No live BTCPay Server was there to test against. All of the above was read in
// BTCPay's source, and tested against a double (package btcpaytest). Each
// request, each answer of the double and each webhook was held against the
// OpenAPI files of BTCPay 2.4.1; the names of 1.13 are from its source. The
// double's invoices are real ones of lnd v0.20.0-beta on regtest, and payments
// and refunds went over real channels. Before real money: charge, pay, refund
// and let an invoice expire once with your own server.
package btcpay
