// Package lnaddr pays to people: it turns a Lightning address or an LNURL that
// a customer wrote into an invoice that a wallet may pay.
//
//	addr, err := lnaddr.Parse("alice@wallet.example")
//	client, err := lnaddr.NewClient(lnaddr.Config{Network: bolt11.Mainnet})
//	inv, err := client.Invoice(ctx, addr, 21_000_000, "refund of order 42")
//	// keep inv.Bolt11 and inv.Hash, then pay inv.Bolt11
//
// [Parse] needs no network, [Client.Resolve] asks whether the address takes
// payments and how much, [Client.Invoice] fetches an invoice and checks it.
// Supported are Lightning addresses with tags (LUD-16), LNURL-pay as bech32
// (LUD-01, LUD-06) and as lnurlp:// (LUD-17), comments (LUD-12), payer data
// (LUD-18), success actions (LUD-09, LUD-10), proof of payment (LUD-21). A
// success action is read and never followed.
//
// # What is guaranteed
//
// Everything that answers here is a stranger. The name is parsed strictly and
// in one spelling; every host, the callback's and a redirect's included, is
// dialled through one guard that reaches public addresses on port 443 by https
// only; an exchange takes at most 5 s and 256 KiB, and is not repeated. HTTP status and content
// type are ignored, as LUD-01 asks, and numbers are read exactly, without
// floats.
//
// An [Invoice] that is returned is of the right network, over exactly the
// amount asked for, correctly signed, not expired nor about to, and does not
// lock the money up for longer than a payment may. The description hash is
// compared and a mismatch logged, not refused: the present text of LUD-06 no
// longer asks for it and services differ.
//
// Fetching an invoice moves no money and may be repeated. Paying may not: see
// package payments on keeping an invoice before paying it, and never fetching
// a second one while the first may still be paid.
//
// # Errors and privacy
//
// Errors are [*Error]: which step failed and why, with [CustomerText] for what
// the customer may be told. An address is personal data: errors and logs name
// its host at most, and [Address] shortens itself in log/slog.
//
// Tor (.onion) addresses are asked through the proxy of Config.Onion, by http;
// without one, [Client.Resolve] refuses them.
package lnaddr
