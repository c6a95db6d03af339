package shop

import "github.com/dmshop/dmshop/fsm"

// Step is where a customer is in the conversation.
type Step string

// The steps of the conversation. A customer who never wrote is idle.
const (
	Idle                  Step = "idle"
	SelectingCarrier      Step = "selecting_carrier"
	SelectingAmount       Step = "selecting_amount"
	EnteringPhone         Step = "entering_phone"
	ConfirmingAmount      Step = "confirming_amount"
	AwaitingPayment       Step = "awaiting_payment"
	AwaitingRefundAddress Step = "awaiting_refund_address"
)

// Intent is what moves a conversation: something the customer said, or
// something that happened to their order.
type Intent string

// The intents.
const (
	Reset        Intent = "reset"        // /start, /cancel, /clear
	Browse       Intent = "browse"       // /menu
	Choose       Intent = "choose"       // /buy SKU
	PickAmount   Intent = "pick_amount"  // 1, 2, ...
	GivePhone    Intent = "give_phone"   // a phone number
	Confirm      Intent = "confirm"      // the invoice is made
	OrderEnded   Intent = "order_ended"  // delivered, expired
	RefundWanted Intent = "refund_asked" // failed after payment
	GiveAddress  Intent = "give_address" // where the refund goes
)

var everywhere = []Step{
	Idle, SelectingCarrier, SelectingAmount, EnteringPhone, ConfirmingAmount, AwaitingPayment, AwaitingRefundAddress,
}

// Conversation says which intent may follow which step. It moves only together
// with the answer that the customer gets: to awaiting_payment when the invoice
// exists, not before.
var Conversation = fsm.Must(Idle, []fsm.Rule[Step, Intent]{
	{On: Reset, From: everywhere, To: Idle},
	{On: Browse, From: everywhere, To: SelectingCarrier},
	{On: Choose, From: everywhere, To: SelectingAmount},
	{On: PickAmount, From: []Step{SelectingAmount}, To: EnteringPhone},
	{On: GivePhone, From: []Step{EnteringPhone, ConfirmingAmount}, To: ConfirmingAmount},
	{On: Confirm, From: []Step{ConfirmingAmount}, To: AwaitingPayment},
	{On: OrderEnded, From: []Step{AwaitingPayment, AwaitingRefundAddress}, To: Idle},
	// An order that fails does not tear a customer out of buying another.
	{On: RefundWanted, From: []Step{Idle, SelectingCarrier, AwaitingPayment, AwaitingRefundAddress}, To: AwaitingRefundAddress},
	{On: GiveAddress, From: []Step{AwaitingRefundAddress}, To: Idle},
})

// session is what is kept about a customer between two messages.
type session struct {
	Step Step `json:"step,omitempty"`
	// SKU, Value and Phone are chosen one step at a time.
	SKU   string `json:"sku,omitempty"`
	Value string `json:"value,omitempty"`
	Phone string `json:"phone,omitempty"`
	// Order is the one the customer was last asked about.
	Order string `json:"order,omitempty"`
}

// try moves the conversation if the table allows it.
func (s *session) try(on Intent) bool {
	if s.Step == "" {
		s.Step = Idle
	}
	to, err := Conversation.Next(s.Step, on)
	if err != nil {
		return false
	}
	s.Step = to
	switch to {
	case Idle, SelectingCarrier, AwaitingPayment, AwaitingRefundAddress:
		s.SKU, s.Value, s.Phone = "", "", ""
	}
	return true
}
