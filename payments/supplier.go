package payments

import "context"

// Item is one thing to buy from a supplier.
type Item struct {
	// SKU is the supplier's product id, Value the package or amount of it as
	// the catalogue spells it ("10").
	SKU, Value string
	// Recipient is who gets it, for a top-up the phone number in E.164.
	// It is personal data: adapters neither log nor keep it.
	Recipient string
}

// Fulfilment is what is known of a purchase.
type Fulfilment string

const (
	// FulfilmentUnknown is the zero value: nobody knows.
	FulfilmentUnknown Fulfilment = ""
	// Prepared is reserved, no money moved.
	Prepared Fulfilment = "prepared"
	// Submitted is bought and on its way.
	Submitted Fulfilment = "submitted"
	// Delivered is done.
	Delivered Fulfilment = "delivered"
	// Failed is final: nothing was delivered and the supplier keeps no money.
	Failed Fulfilment = "failed"
	// Reversed was delivered and taken back.
	Reversed Fulfilment = "reversed"
)

// Purchase is a purchase as the supplier sees it now.
type Purchase struct {
	// Ref is the supplier's name for it, to be stored before Commit.
	Ref   string
	State Fulfilment
	// Cost is what the supplier charges; zero when it does not say.
	Cost Msat
	// Reason is the supplier's own word on a failure, for the operator.
	Reason string
}

// Supplier delivers what the shop sells. Implementations are safe for
// concurrent use, honour ctx, and return *[Error].
type Supplier interface {
	// Prepare reserves the item under the shop's key and moves no money.
	// A repeat with the same key returns the same purchase, or one that
	// costs nothing when it is left alone.
	Prepare(ctx context.Context, key string, item Item) (Purchase, error)
	// Commit buys what was prepared. One Ref is delivered at most once,
	// however often Commit is called. An error whose outcome is unknown must
	// be followed by Lookup.
	Commit(ctx context.Context, ref string) (Purchase, error)
	// Lookup reads the purchase's present state. A ref that the supplier
	// does not know is [ErrNotFound].
	Lookup(ctx context.Context, ref string) (Purchase, error)
}
