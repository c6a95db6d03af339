package orders

import "github.com/dmshop/dmshop/fsm"

// State is where an order stands.
type State string

// The states of an order. Delivered and Refunded are its good ends; Expired
// ends it too, unless money comes late.
const (
	AwaitingPayment State = "awaiting_payment"
	Paid            State = "paid"
	Fulfilling      State = "fulfilling"
	Delivered       State = "delivered"
	RefundDue       State = "refund_due"
	Refunding       State = "refunding"
	Refunded        State = "refunded"
	Expired         State = "expired"
)

// Event moves an order.
type Event string

// The events of an order.
const (
	Settle        Event = "settle"         // the invoice is paid
	Expire        Event = "expire"         // it was not paid in time
	Dispatch      Event = "dispatch"       // reserved at the supplier, reference stored
	Deliver       Event = "deliver"        // the supplier says so
	Fail          Event = "fail"           // the supplier will not deliver
	GiveAddress   Event = "give_address"   // the customer said where to
	RefundPaid    Event = "refund_paid"    // the wallet says so
	RefundRefused Event = "refund_refused" // it certainly did not go out
)

// Table says which event may follow which state. Late money is still money.
var Table = fsm.Must(AwaitingPayment, []fsm.Rule[State, Event]{
	{On: Settle, From: []State{AwaitingPayment}, To: Paid},
	{On: Expire, From: []State{AwaitingPayment}, To: Expired},
	{On: Settle, From: []State{Expired}, To: RefundDue},
	{On: Dispatch, From: []State{Paid}, To: Fulfilling},
	{On: Deliver, From: []State{Fulfilling}, To: Delivered},
	{On: Fail, From: []State{Paid, Fulfilling}, To: RefundDue},
	{On: GiveAddress, From: []State{RefundDue}, To: Refunding},
	{On: RefundRefused, From: []State{Refunding}, To: RefundDue},
	{On: RefundPaid, From: []State{Refunding}, To: Refunded},
}, Delivered, Refunded)
