package payments

import (
	"context"
	"net/http"
	"time"
)

// Notice is a hint that an invoice may have changed. It carries no amount and
// no status on purpose: whoever gets it looks the invoice up before acting.
// Notices come late, twice, out of order, or never.
type Notice struct {
	// ID is the invoice's, as LookupInvoice takes it.
	ID string
	// Delivery is the sender's name for this message, the same when it is
	// sent again; empty where the sender gives none.
	Delivery string
	// Cursor is where a [Watcher] may resume after this notice; empty where
	// it cannot.
	Cursor string
}

// Watcher is a wallet that tells of changes by itself, over a connection of
// its own. Implementations are safe for concurrent use, honour ctx, and return
// *[Error].
type Watcher interface {
	// Watch calls fn for each notice after the cursor, one at a time and in
	// the wallet's order, until ctx ends, the connection is lost, or fn fails;
	// it returns why, and never nil. A lost connection is to be expected: call
	// again with the cursor of the last notice that fn took.
	//
	// A cursor is opaque text of the wallet's own (LND's settle_index, CLN's
	// pay_index, a timestamp), of at most 256 bytes. Empty means from now on:
	// what happened before may not be told. A wallet that cannot resume takes
	// any cursor for an empty one and gives empty ones.
	Watch(ctx context.Context, cursor string, fn func(ctx context.Context, n Notice) error) error
}

// WebhookVerifier is a wallet that calls an URL of the shop.
type WebhookVerifier interface {
	// VerifyWebhook checks who sent a request, and reads which invoices it
	// is about: none where it is about something else, which is no error.
	// body is the raw one. It does no I/O and is safe for concurrent use.
	//
	// A signature that is missing, wrong, or outside its time window is
	// [ErrAuth]; while secrets are rotated, any one of them counts. A body
	// that was signed and cannot be read is [ErrInvalid].
	VerifyWebhook(header http.Header, body []byte, now time.Time) ([]Notice, error)
}
