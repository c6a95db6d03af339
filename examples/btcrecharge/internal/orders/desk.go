package orders

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/payments"
)

// Wallet is what the desk needs of the shop's wallet.
type Wallet interface {
	payments.Provider
	payments.Payer
}

// Desk works on the orders of a [Book]. All its fields are required but
// Expiry, Log and Now.
type Desk struct {
	Book     Book
	Wallet   Wallet
	Supplier payments.Supplier
	// Addresses resolves where refunds go.
	Addresses *lnaddr.Client
	// Tell tells the customer the order's notice, durably, once per
	// [Order.Notice]: it is called again until it returns nil.
	Tell func(ctx context.Context, o Order) error
	// Poll is how often an open invoice or purchase is looked up.
	Poll time.Duration
	// Expiry is the invoices' life; zero means the wallet's default.
	Expiry time.Duration
	Log    *slog.Logger
	Now    func() time.Time

	mu      sync.Mutex
	ctx     context.Context // set by Run
	driven  map[string]bool
	drivers sync.WaitGroup
}

// lateWatch is how long an expired invoice is watched for money all the same.
const lateWatch = 24 * time.Hour

// Run works until ctx ends, beginning with every order that is not at its end.
func (d *Desk) Run(ctx context.Context) error {
	d.mu.Lock()
	d.ctx, d.driven = ctx, map[string]bool{}
	d.mu.Unlock()
	defer d.drivers.Wait()
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		names, err := d.Book.KV.List(ctx, prefix)
		if err == nil {
			d.attendAll(ctx, names)
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		d.log().Error("orders cannot be listed, trying again", "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	<-ctx.Done()
	return nil
}

// attendAll takes up what an earlier run left. A row that cannot be read holds
// up no other.
func (d *Desk) attendAll(ctx context.Context, names []string) {
	for _, n := range names {
		o, ok, err := d.Book.read(ctx, n)
		switch {
		case err != nil && ctx.Err() == nil:
			d.log().Error("order cannot be read, left alone", "row", n, "err", err)
		case ok && (!Table.Terminal(o.State) || o.Told != o.Notice()):
			d.attend(o)
		}
	}
}

// Place makes an order and its invoice, or returns the one placed before under
// o.Key. o needs Customer, Key, Item, Label and Price.
func (d *Desk) Place(ctx context.Context, o Order) (Order, error) {
	for n := 8; n <= len(o.Key); n++ {
		o.ID = o.Key[:n] // short to type; longer only if the customer has one so called
		have, ok, err := d.Book.Get(ctx, o.Customer, o.ID)
		if err != nil || ok && have.Key == o.Key {
			return have, err
		}
		if !ok {
			break
		}
	}
	inv, err := d.Wallet.CreateInvoice(ctx, payments.Charge{
		Key: "nostr-" + o.Key, Amount: o.Price, Memo: o.Label, Expiry: d.Expiry,
	})
	if err != nil {
		return o, fmt.Errorf("place order: %w", err)
	}
	if inv.Amount != o.Price {
		return o, fmt.Errorf("place order: the wallet made an invoice over %v in place of %v", inv.Amount, o.Price)
	}
	o.InvoiceID, o.Bolt11, o.ExpiresAt = inv.ID, inv.Bolt11, inv.ExpiresAt
	o.State, o.CreatedAt = AwaitingPayment, d.now()
	o.Told = o.Notice() // the invoice is the answer to the order
	if err := d.Book.Put(ctx, &o); err != nil {
		return o, err
	}
	d.attend(o)
	return o, nil
}

// RefundTo says where the money of an order goes back to. by names the message
// that said so: saying it again is a no-op. An order that waits for no address
// is refused by an error of kind fsm.ErrRefused.
func (d *Desk) RefundTo(ctx context.Context, o Order, address, by string) error {
	if o.Refund.By == by {
		return nil
	}
	o.Refund = Refund{Attempt: o.Refund.Attempt, Address: address, By: by}
	if err := d.move(ctx, &o, GiveAddress); err != nil {
		return err
	}
	d.attend(o)
	return nil
}

// move applies one event and stores the order.
func (d *Desk) move(ctx context.Context, o *Order, on Event) error {
	to, err := Table.Next(o.State, on)
	if err != nil {
		return err
	}
	from := o.State
	o.State = to
	if to == RefundDue {
		o.Refund = Refund{Attempt: o.Refund.Attempt + 1}
	}
	if to == Delivered || to == RefundDue || to == Expired {
		o.Item.Recipient = "" // the supplier's part is over, or never comes
	}
	if err := d.Book.Put(ctx, o); err != nil {
		return err
	}
	d.log().Info("order moved", "order", o.ID, "customer", o.Customer, "on", on, "from", from, "to", to)
	return nil
}

// attend makes sure that somebody drives the order.
func (d *Desk) attend(o Order) {
	name := o.name()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx == nil || d.ctx.Err() != nil || d.driven[name] {
		return // Run, or the present driver, reads it from the Book
	}
	d.driven[name] = true
	ctx := d.ctx
	d.drivers.Go(func() { d.drive(ctx, name) })
}

// drive moves one order until it is at its end or waits for the customer.
func (d *Desk) drive(ctx context.Context, name string) {
	pause := d.Poll
	for ctx.Err() == nil {
		o, ok, err := d.Book.read(ctx, name)
		var wait time.Duration
		if err == nil && !ok {
			return
		}
		if err == nil {
			if n := o.Notice(); n != "" && n != o.Told {
				err = d.tell(ctx, &o)
			} else if d.rest(name, o) {
				return
			} else {
				wait, err = d.step(ctx, &o)
			}
		}
		switch {
		case err == nil, errors.Is(err, ErrStale):
			pause = d.Poll
		default:
			if ctx.Err() == nil {
				d.log().Warn("order waits", "order", o.ID, "customer", o.Customer, "state", o.State, "err", err)
			}
			wait, pause = pause, min(2*pause, time.Minute)
		}
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
	}
}

func (d *Desk) tell(ctx context.Context, o *Order) error {
	if err := d.Tell(ctx, *o); err != nil {
		return fmt.Errorf("tell the customer: %w", err)
	}
	o.Told = o.Notice()
	return d.Book.Put(ctx, o)
}

// rest ends the driver when there is nothing to do. Whoever changes the order
// later attends to it again, after the change; so the state is read once more
// when the mark is off.
func (d *Desk) rest(name string, o Order) bool {
	over := Table.Terminal(o.State) || o.State == RefundDue ||
		o.State == Expired && d.now().After(o.ExpiresAt.Add(lateWatch))
	if !over {
		return false
	}
	d.mu.Lock()
	delete(d.driven, name)
	d.mu.Unlock()
	if now, ok, err := d.Book.read(d.ctx, name); err == nil && ok && now.rev != o.rev {
		d.attend(now)
	}
	return true
}

func (d *Desk) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

func (d *Desk) log() *slog.Logger {
	if d.Log != nil {
		return d.Log
	}
	return slog.New(slog.DiscardHandler)
}

func sortByTime(orders []Order) {
	slices.SortStableFunc(orders, func(a, b Order) int { return a.CreatedAt.Compare(b.CreatedAt) })
}
