package nostrbot

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync"
)

// Delivery is what became of a message to a customer.
type Delivery struct {
	// State is sent when all of the message arrived by one protocol at least,
	// given up when it did by none and never will, else pending. It is empty
	// when nothing is known of such a message (any more, after [DoneTTL]).
	State ParcelState
	// Copies are its parts, each by each protocol it left in.
	Copies []Copy
}

// Copy is one event that carries a message, or a part of it.
type Copy struct {
	// ID is what the customer's client knows it by.
	ID    string
	Via   Protocol
	State ParcelState
	// Attempts counts the rounds of publishing in vain.
	Attempts int
	// Receipts are the relays that said they have it, and when. Those of
	// relays that said so after the message counted as sent are forgotten at
	// a restart.
	Receipts []Receipt
}

// Delivery tells what became of what was sent by [Bot.Send] under key.
func (b *Bot) Delivery(ctx context.Context, to PubKey, key string) (Delivery, error) {
	return b.DeliveryOf(ctx, to, "send:"+key)
}

// DeliveryOf tells what became of the replies to a message, or to a job of
// [Bot.Do], by its [Message].ID.
func (b *Bot) DeliveryOf(ctx context.Context, to PubKey, id string) (Delivery, error) {
	parcels, err := b.store.ParcelsFor(ctx, to, id)
	if err != nil {
		return Delivery{}, fmt.Errorf("nostrbot: delivery: %w", err)
	}
	d := Delivery{State: overallState(parcels)}
	for _, p := range parcels {
		receipts := addReceipts(slices.Clone(p.Receipts), b.outbox.late.of(p.ID)...)
		d.Copies = append(d.Copies, Copy{p.ID, p.Via, p.State, p.Attempts, receipts})
	}
	return d, nil
}

func overallState(parcels []Parcel) ParcelState {
	if len(parcels) == 0 {
		return ""
	}
	byProtocol := map[Protocol]ParcelState{}
	for _, p := range parcels {
		switch state, known := byProtocol[p.Via]; {
		case !known, p.State == ParcelGivenUp, state == ParcelSent:
			byProtocol[p.Via] = p.State
		}
	}
	overall := ParcelGivenUp
	for _, state := range byProtocol {
		if state == ParcelSent {
			return ParcelSent
		}
		if state == ParcelPending {
			overall = ParcelPending
		}
	}
	return overall
}

// addReceipts adds those of relays that are not there yet.
func addReceipts(receipts []Receipt, more ...Receipt) []Receipt {
	for _, r := range more {
		if !slices.ContainsFunc(receipts, func(old Receipt) bool { return old.Relay == r.Relay }) {
			receipts = append(receipts, r)
		}
	}
	return receipts
}

// lateReceipts are of relays that accepted a parcel after it counted as sent:
// the Store has it closed by then.
type lateReceipts struct {
	mu    sync.Mutex
	byID  map[string]*list.Element
	order list.List // of *lateReceipt, oldest last
}

type lateReceipt struct {
	id       string
	receipts []Receipt
}

const lateMax = 4096

func (l *lateReceipts) add(id string, r Receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = map[string]*list.Element{}
	}
	element := l.byID[id]
	if element == nil {
		element = l.order.PushFront(&lateReceipt{id: id})
		l.byID[id] = element
		if l.order.Len() > lateMax {
			oldest := l.order.Remove(l.order.Back()).(*lateReceipt)
			delete(l.byID, oldest.id)
		}
	}
	late := element.Value.(*lateReceipt)
	late.receipts = append(late.receipts, r)
}

func (l *lateReceipts) of(id string) []Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	if element := l.byID[id]; element != nil {
		return slices.Clone(element.Value.(*lateReceipt).receipts)
	}
	return nil
}
