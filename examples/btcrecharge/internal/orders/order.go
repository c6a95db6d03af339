// Package orders takes a top-up from invoice to delivery or refund, through
// restarts. It is deliberately thin: one process, one goroutine an open order,
// rows in a [payments.KV] that change by compare-and-swap along [Table].
package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/payments"
)

// Order is one top-up.
type Order struct {
	// ID is what the customer calls it; unique per customer.
	ID       string          `json:"id"`
	Customer nostrbot.PubKey `json:"customer"`
	// Key is the idempotency key under which it was placed, also at the
	// wallet and the supplier.
	Key string `json:"key"`

	// Item is what was bought. Recipient is erased when the supplier's part
	// is over.
	Item payments.Item `json:"item"`
	// Label is what the customer reads: "Vodafone Romania 10 EUR".
	Label string        `json:"label"`
	Price payments.Msat `json:"price"`

	InvoiceID string    `json:"invoice_id"`
	Bolt11    string    `json:"bolt11"`
	ExpiresAt time.Time `json:"expires_at"`

	// SupplierRef is stored before anything is bought.
	SupplierRef string `json:"supplier_ref,omitempty"`
	Refund      Refund `json:"refund,omitzero"`

	State State `json:"state"`
	// Told is the last [Order.Notice] that was committed to the customer.
	Told      string    `json:"told"`
	CreatedAt time.Time `json:"created_at"`

	rev int64
}

// Refund is the way back of the money. One attempt at a time: another invoice
// is fetched only after the one before certainly failed.
type Refund struct {
	// Attempt counts how often the customer was asked for an address.
	Attempt int `json:"attempt,omitempty"`
	// Address is where the customer wants it; By the message that said so.
	Address string `json:"address,omitempty"`
	By      string `json:"by,omitempty"`
	// Bolt11 and Hash are the one live invoice, stored before it is paid.
	Bolt11 string        `json:"bolt11,omitempty"`
	Hash   payments.Hash `json:"hash,omitzero"`
}

// Notice names what the customer should have been told by now, each once; it
// is empty in states that are nobody's news.
func (o *Order) Notice() string {
	switch o.State {
	case Fulfilling, Refunding:
		return ""
	case RefundDue:
		return fmt.Sprintf("%s-%d", o.State, o.Refund.Attempt)
	default:
		return string(o.State)
	}
}

func (o *Order) name() string { return orderName(o.Customer, o.ID) }

// ErrStale says that somebody else moved the order first: read it again.
var ErrStale = errors.New("the order changed meanwhile")

// Book keeps the orders, each customer's under their own prefix.
type Book struct{ KV payments.KV }

const prefix = "order/"

func orderName(customer nostrbot.PubKey, id string) string {
	return prefix + customer.String() + "/" + id
}

// Get reads an order of a customer; ok is false when they have none by this
// id. IDs of other customers are not found.
func (b Book) Get(ctx context.Context, customer nostrbot.PubKey, id string) (o Order, ok bool, err error) {
	return b.read(ctx, orderName(customer, strings.ToLower(id)))
}

func (b Book) read(ctx context.Context, name string) (o Order, ok bool, err error) {
	raw, rev, err := b.KV.Get(ctx, name)
	if err != nil {
		return o, false, fmt.Errorf("read order: %w", err)
	}
	if raw == nil {
		return o, false, nil
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, false, fmt.Errorf("read order: %w", err)
	}
	o.rev = rev
	return o, true, nil
}

// Put writes the order if nobody else did since it was read; else [ErrStale].
func (b Book) Put(ctx context.Context, o *Order) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	ok, err := b.KV.Put(ctx, o.name(), raw, o.rev)
	if err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	if !ok {
		return fmt.Errorf("write order: %w", ErrStale)
	}
	o.rev++
	return nil
}

// Of returns a customer's orders, oldest first.
func (b Book) Of(ctx context.Context, customer nostrbot.PubKey) ([]Order, error) {
	return b.list(ctx, prefix+customer.String()+"/")
}

func (b Book) list(ctx context.Context, prefix string) ([]Order, error) {
	names, err := b.KV.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	var all []Order
	for _, n := range names {
		o, ok, err := b.read(ctx, n)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, o)
		}
	}
	sortByTime(all)
	return all, nil
}
