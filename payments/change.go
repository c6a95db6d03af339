package payments

// Event is what happened to a charge. Its text is stable, for use as the name
// of a signal.
type Event string

// The events of a charge, as [Till.OnChange] tells them.
const (
	// Paid is the amount that was asked for, in time.
	Paid Event = "paid"
	// PaidLate is money that came after the invoice had expired or was
	// cancelled, or after Unpaid was told, perhaps more than was asked for.
	// Late money is still money: deliver, or send it back.
	PaidLate Event = "paid_late"
	// PaidOver is more than was asked for, in time.
	PaidOver Event = "paid_over"
	// PaidPartial is less than was asked for. With status Partial more may
	// come, and is told again; with any other, this is all.
	PaidPartial Event = "paid_partial"
	// PaidTwice is money that came after the charge was paid, or the amount
	// twice or more at once. Change.Invoice is the invoice that it came to:
	// rarely another one than the customer was shown.
	PaidTwice Event = "paid_twice"
	// MarkedPaid was declared paid by hand at the provider, without the money.
	MarkedPaid Event = "marked_paid"
	// OnHold is paid and kept by the node until Change.Invoice.Deadline.
	OnHold Event = "on_hold"
	// Confirming was seen paid and is not final: wait.
	Confirming Event = "confirming"
	// Unpaid is an invoice that expired or was cancelled, and no money came.
	// PaidLate may follow.
	Unpaid Event = "unpaid"
)

// Change is one event of one charge.
type Change struct {
	// ID is the same each time that this change is told, and no other's: the
	// key for doing what follows from it once.
	ID string `json:"id"`
	// Key is the Charge's.
	Key   string `json:"key"`
	Event Event  `json:"event"`
	// Invoice is as it was seen then; it may have changed since.
	Invoice Invoice `json:"invoice"`
}

// fact is what a look-up shows, less what may differ without meaning.
type fact struct {
	Event    Event  `json:"event,omitempty"`
	Status   Status `json:"status,omitempty"`
	Received Msat   `json:"received_msat,omitzero"`
}

// complete tells whether all the money has come.
func (e Event) complete() bool {
	return e == Paid || e == PaidLate || e == PaidOver || e == PaidTwice
}

// read says what an invoice shows to somebody who was told before: what was the
// last of it, and whether Unpaid was ever among it. Event is empty when there
// is nothing to tell.
func read(inv Invoice, before fact, toldUnpaid bool) fact {
	f := fact{Status: inv.Status, Received: inv.Received}
	switch inv.Status {
	case Partial:
		if inv.Received > 0 {
			f.Event = PaidPartial
		}
	case Processing:
		f.Event = Confirming
	case Held:
		f.Event = OnHold
	case Settled:
		f.Event = readSettled(inv, toldUnpaid)
	case Expired, Invalid:
		switch {
		case inv.Received == 0:
			f.Event = Unpaid
		case inv.Received < inv.Amount:
			f.Event = PaidPartial
		default:
			f.Event = PaidLate
		}
	}
	if before.Event.complete() && f.Event.complete() {
		switch {
		case f.Received == before.Received:
			f.Event = before.Event // told as what it was then
		case before.Received >= inv.Amount:
			f.Event = PaidTwice
		}
	}
	if f.Event != PaidPartial { // the only one that is told again when its status changes
		f.Status = ""
	}
	return f
}

func readSettled(inv Invoice, toldUnpaid bool) Event {
	switch {
	case inv.Manual && inv.Received < inv.Amount:
		return MarkedPaid
	case inv.Received < inv.Amount:
		return PaidPartial
	case inv.Received/2 >= inv.Amount:
		return PaidTwice
	case inv.Late || toldUnpaid:
		return PaidLate
	case inv.Received > inv.Amount:
		return PaidOver
	default:
		return Paid
	}
}
