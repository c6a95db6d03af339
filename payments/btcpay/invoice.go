package btcpay

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// MaxExpiry is the longest life of an invoice that is asked for.
const MaxExpiry = 365 * 24 * time.Hour

// createRequest is CreateInvoiceRequest.
type createRequest struct {
	Amount   string   `json:"amount"`
	Currency string   `json:"currency"`
	Metadata metadata `json:"metadata"`
	Checkout checkout `json:"checkout"`
}

type checkout struct {
	ExpirationMinutes int64    `json:"expirationMinutes,omitempty"`
	PaymentMethods    []string `json:"paymentMethods"`
	Lazy              bool     `json:"lazyPaymentMethods"`
	Tolerance         float64  `json:"paymentTolerance"` // a percentage; none
}

// CreateInvoice implements payments.Provider. Amounts are whole satoshi. An
// invoice's life is rounded up to a minute, and at most [MaxExpiry]; zero is
// the store's setting. What the payer's wallet shows is the store's Lightning
// description template; with "{ItemDescription}" it is the Memo.
//
// BTCPay itself keeps no two invoices of one Key apart. An invoice carries its
// Key as its orderId, so that one which was made before is found first, also
// after it expired; a repeat may differ in Memo and Expiry, which are then
// ignored. Calls of one Wallet for one Key take turns; of processes that use
// one Key at the same moment, as tills never do, each may make one. Should an
// invoice whose answer was lost turn up after another was made, the later one
// stays the invoice of the Key, unless the other was paid.
func (w *Wallet) CreateInvoice(ctx context.Context, c payments.Charge) (payments.Invoice, error) {
	const op = "create invoice"
	request, err := newRequest(c)
	if err != nil {
		return payments.Invoice{}, refused(op, payments.ErrInvalid, err)
	}
	unlock, err := w.invoices.Lock(ctx, c.Key)
	if err != nil {
		return payments.Invoice{}, refused(op, payments.ErrUnavailable, err)
	}
	defer unlock()
	found, err := w.find(ctx, op, c.Key)
	if err != nil {
		return payments.Invoice{}, err
	}
	if i := theOne(found); i >= 0 {
		inv := found[i].Invoice
		if inv.Amount != c.Amount {
			return payments.Invoice{}, refused(op, payments.ErrConflict, fmt.Errorf("the invoice under this key asks %v, not %v", inv.Amount, c.Amount))
		}
		return inv, nil
	}
	body, err := w.post(ctx, w.of("/invoices"), request)
	if err != nil {
		return payments.Invoice{}, failed(op, err, payments.OutcomeUnknown)
	}
	var m invoiceMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return payments.Invoice{}, fault(op, payments.ErrUnavailable, payments.OutcomeUnknown, errors.New("BTCPay's answer is not an invoice"))
	}
	inv, bad := w.complete(ctx, op, m)
	if bad != nil {
		// There is one, and the next call finds it.
		bad.Outcome, bad.RetryAfter = payments.Applied, 0
		return payments.Invoice{}, bad
	}
	if err := fresh(inv, c); err != nil {
		return payments.Invoice{}, fault(op, payments.ErrRejected, payments.Applied, err)
	}
	return inv, nil
}

func newRequest(c payments.Charge) (createRequest, error) {
	if err := c.Validate(); err != nil {
		return createRequest{}, err
	}
	if c.Amount%payments.Sat != 0 {
		return createRequest{}, fmt.Errorf("amount: want whole satoshi, got %v", c.Amount)
	}
	if c.Expiry > MaxExpiry {
		return createRequest{}, fmt.Errorf("expiry: want at most %v, got %v", MaxExpiry, c.Expiry)
	}
	var unique [8]byte
	_, _ = rand.Read(unique[:]) // never fails
	return createRequest{
		Amount: c.Amount.FormatBTC(), Currency: currency,
		Metadata: metadata{
			OrderID: c.Key, Memo: c.Memo,
			Attempt: fmt.Sprintf("%020d-%s", time.Now().UnixNano(), hex.EncodeToString(unique[:])),
		},
		Checkout: checkout{
			ExpirationMinutes: int64((c.Expiry + time.Minute - 1) / time.Minute),
			PaymentMethods:    []string{legacyLightning},
		},
	}, nil
}

// fresh tells whether a new invoice can be shown.
func fresh(inv payments.Invoice, c payments.Charge) error {
	if inv.Bolt11 == "" {
		// Not payable, so nobody is shown it: the next call makes another.
		return errors.New("BTCPay made it without a Lightning invoice: is the store's node connected?")
	}
	read, err := bolt11.Decode(inv.Bolt11)
	switch {
	case err != nil:
		return err
	case read.AmountMsat != int64(c.Amount) || inv.Amount != c.Amount:
		return errors.New("BTCPay's invoice is over another amount")
	case inv.Key != c.Key:
		return errors.New("BTCPay's invoice is of another key")
	}
	return nil
}

// LookupInvoice implements payments.Provider. Invoices that something else made
// in the same store are not found. Past its expiry an invoice is Open until
// BTCPay looks at it, some seconds later. SettledAt is when the last payment
// came; an invoice that was marked settled by hand, and never paid, has none.
func (w *Wallet) LookupInvoice(ctx context.Context, id string) (payments.Invoice, error) {
	const op = "look up invoice"
	if !anID.MatchString(id) {
		if err := ctx.Err(); err != nil {
			return payments.Invoice{}, refused(op, payments.ErrUnavailable, err)
		}
		return payments.Invoice{}, refused(op, payments.ErrNotFound, nil)
	}
	body, err := w.get(ctx, w.of("/invoices/"+id))
	if err != nil {
		return payments.Invoice{}, failed(op, err, payments.NotApplied)
	}
	var m invoiceMessage
	switch err := json.Unmarshal(body, &m); {
	case err != nil:
		return payments.Invoice{}, refused(op, payments.ErrUnavailable, errors.New("BTCPay's answer is not an invoice"))
	case m.ID != id:
		return payments.Invoice{}, refused(op, payments.ErrUnavailable, errors.New("BTCPay's answer is another invoice"))
	}
	if _, ours := m.ours(); !ours {
		return payments.Invoice{}, refused(op, payments.ErrNotFound, nil)
	}
	inv, fail := w.complete(ctx, op, m)
	if fail != nil {
		return payments.Invoice{}, fail
	}
	return inv, nil
}

// FindInvoices implements payments.Finder.
func (w *Wallet) FindInvoices(ctx context.Context, key string) ([]payments.Invoice, error) {
	const op = "find invoices"
	if err := (payments.Charge{Key: key, Amount: 1}).Validate(); err != nil {
		return nil, refused(op, payments.ErrInvalid, err)
	}
	found, err := w.find(ctx, op, key)
	if err != nil {
		return nil, err
	}
	var all []payments.Invoice
	for _, f := range found {
		all = append(all, f.Invoice)
	}
	return all, nil
}

// foundInvoice is one of those under a Key.
type foundInvoice struct {
	payments.Invoice
	created unix
	attempt string
}

// theOne is the invoice of the Key, -1 when there is none: one that got money,
// else the last that was asked for. An invoice that turns up late was asked for
// before the one that is shown.
func theOne(found []foundInvoice) int {
	best := -1
	for i, f := range found {
		switch {
		case f.Bolt11 == "" && f.Received == 0 && !f.Manual:
			continue
		case best < 0, rank(f) > rank(found[best]), rank(f) == rank(found[best]) && f.attempt > found[best].attempt:
			best = i
		}
	}
	return best
}

func rank(f foundInvoice) int {
	if f.Status == payments.Settled || f.Received > 0 {
		return 1
	}
	return 0
}

// find reads all invoices that we made under a key, oldest first, those that
// somebody archived among them. Its errors say NotApplied.
func (w *Wallet) find(ctx context.Context, op, key string) ([]foundInvoice, error) {
	query := url.Values{"orderId": {key}, "includeArchived": {"true"}}
	body, err := w.get(ctx, w.of("/invoices?"+query.Encode()))
	if err != nil {
		return nil, failed(op, err, payments.NotApplied)
	}
	var list []invoiceMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, refused(op, payments.ErrUnavailable, errors.New("BTCPay's answer is not a list of invoices"))
	}
	var found []foundInvoice
	for _, m := range list {
		// The store may serve other software that counts its orders too.
		d, ours := m.ours()
		if !ours || d.OrderID != key || m.StoreID != w.store || m.Currency != currency {
			continue
		}
		inv, err := w.complete(ctx, op, m)
		if err != nil {
			return nil, err
		}
		found = append(found, foundInvoice{inv, m.Created, d.Attempt})
	}
	slices.SortFunc(found, func(a, b foundInvoice) int {
		return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.attempt, b.attempt))
	})
	return found, nil
}

// complete adds what BTCPay tells of an invoice's Lightning side, and wakes it
// where it sleeps. Its errors say NotApplied.
func (w *Wallet) complete(ctx context.Context, op string, m invoiceMessage) (payments.Invoice, *payments.Error) {
	if !anID.MatchString(m.ID) || m.StoreID != w.store {
		return payments.Invoice{}, refused(op, payments.ErrUnavailable, errors.New("BTCPay's invoice is not one of this store"))
	}
	path := w.of("/invoices/" + m.ID + "/payment-methods")
	ln, asleep, err := w.methods(ctx, path)
	if err == nil && asleep && m.Status == "New" {
		// A store with lazy payment methods, in spite of what was asked for.
		if _, err = w.post(ctx, path+"/"+legacyLightning+"/activate", nil); err == nil {
			ln, _, err = w.methods(ctx, path)
		}
	}
	if err != nil {
		return payments.Invoice{}, failed(op, err, payments.NotApplied)
	}
	inv, err := readInvoice(m, ln, w.network)
	switch {
	case errors.Is(err, bolt11.ErrNetwork):
		return payments.Invoice{}, refused(op, payments.ErrNetwork, err)
	case err != nil:
		return payments.Invoice{}, refused(op, payments.ErrUnavailable, err)
	}
	return inv, nil
}

func (w *Wallet) methods(ctx context.Context, path string) (methodMessage, bool, error) {
	body, err := w.get(ctx, path)
	if err != nil {
		return methodMessage{}, false, err
	}
	return readMethods(body)
}
