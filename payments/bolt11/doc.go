// Package bolt11 reads Lightning invoices strictly, and signs them.
//
// [Decode] answers the questions that a shop has before it pays an invoice or
// hands one to a customer: which network, how much to the millisatoshi, which
// payment hash, until when, to whom. It needs no clock; [Invoice.Expired] is
// told the time.
//
// Strict means that what BOLT 11 says a reader must refuse is refused, and
// that nothing is left to two readings: one valid field of a kind, exact
// amounts within the supply of bitcoin, bounded sizes. Fields that the BOLT has
// readers skip are skipped. The text is what the customer sent: it is trimmed
// or freed of "lightning:" by the caller, or not at all.
//
// Parsing of fields is lnd's zpay32. Around it stand the checks that it lacks:
// the typed network, amounts that overflow, unknown required features and
// missing ones, the payment secret, high-S signatures beside a payee field,
// fields given twice or padded in front. All 26 examples of the BOLT come out
// as it says.
//
// Errors wrap one of [ErrMalformed], [ErrNetwork], [ErrAmount],
// [ErrSignature], [ErrFeature] and [ErrSecret]. No input makes Decode panic.
// A description is the payee's own words: escape it before showing it.
//
// The package knows no other of this module and is safe for concurrent use.
package bolt11
