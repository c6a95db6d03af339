package payments

import "context"

// Finder is a wallet that finds invoices by the shop's own key: what a Till
// asks after a lost answer, before it creates anything again. Implementations
// are safe for concurrent use, honour ctx, and return *[Error].
type Finder interface {
	// FindInvoices reads the invoices that were made under the key, oldest
	// first, in their present state. None is an empty list and no error. More
	// than one is possible where the wallet itself does not keep keys apart
	// (BTCPay's orderId, phoenixd's externalId).
	FindInvoices(ctx context.Context, key string) ([]Invoice, error)
}
