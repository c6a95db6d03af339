package fsm_test

import (
	"errors"
	"fmt"

	looplab "github.com/looplab/fsm"

	"github.com/dmshop/dmshop/fsm"
)

// Step is where a customer of a top-up shop is.
type Step string

const (
	Idle             Step = "idle"
	SelectingCarrier Step = "selecting_carrier"
	SelectingAmount  Step = "selecting_amount"
	EnteringPhone    Step = "entering_phone"
	ConfirmingAmount Step = "confirming_amount"
	AwaitingPayment  Step = "awaiting_payment"
	AwaitingRefund   Step = "awaiting_refund_address"
)

// Happening is what moves a customer on.
type Happening string

const (
	Start     Happening = "start"      // /start, a greeting, /cancel
	Menu      Happening = "menu"       // /menu
	Buy       Happening = "buy"        // /buy SKU
	Amount    Happening = "amount"     // 1, 2, ...
	Phone     Happening = "phone"      // a phone number
	Minted    Happening = "minted"     // /confirm, and the invoice exists
	Closed    Happening = "closed"     // delivered, expired or invalid
	RefundDue Happening = "refund_due" // paid but not delivered
	Refunded  Happening = "refunded"   // the address was taken and the money sent
)

var conversation = fsm.Must(Idle, []fsm.Rule[Step, Happening]{
	{On: Start, From: everywhere, To: Idle},
	{On: Menu, From: shopping, To: SelectingCarrier},
	{On: Buy, From: shopping, To: SelectingAmount},
	{On: Amount, From: []Step{SelectingAmount}, To: EnteringPhone},
	{On: Phone, From: []Step{EnteringPhone}, To: ConfirmingAmount},
	{On: Minted, From: []Step{ConfirmingAmount}, To: AwaitingPayment},
	{On: Closed, From: []Step{AwaitingPayment}, To: Idle},
	{On: RefundDue, From: everywhere, To: AwaitingRefund},
	{On: Refunded, From: []Step{AwaitingRefund}, To: Idle},
})

var (
	shopping   = []Step{Idle, SelectingCarrier, SelectingAmount, EnteringPhone, ConfirmingAmount, AwaitingPayment}
	everywhere = append(shopping[:len(shopping):len(shopping)], AwaitingRefund)
)

// The conversation of a top-up shop, as a table and as a diagram.
func Example() {
	step, err := conversation.Next(ConfirmingAmount, Minted)
	fmt.Println(step, err)

	// Money that comes late finds the customer anywhere.
	step, err = conversation.Next(SelectingCarrier, RefundDue)
	fmt.Println(step, err)

	_, err = conversation.Next(EnteringPhone, Minted)
	fmt.Println(err)

	fmt.Println()
	fmt.Print(conversation.Mermaid())
	// Output:
	// awaiting_payment <nil>
	// awaiting_refund_address <nil>
	// fsm: event refused: "minted" in state "entering_phone": allowed: buy, menu, phone, refund_due, start
	//
	// stateDiagram-v2
	//     [*] --> idle
	//     awaiting_payment --> selecting_amount: buy
	//     awaiting_payment --> idle: closed
	//     awaiting_payment --> selecting_carrier: menu
	//     awaiting_payment --> awaiting_refund_address: refund_due
	//     awaiting_payment --> idle: start
	//     awaiting_refund_address --> awaiting_refund_address: refund_due
	//     awaiting_refund_address --> idle: refunded
	//     awaiting_refund_address --> idle: start
	//     confirming_amount --> selecting_amount: buy
	//     confirming_amount --> selecting_carrier: menu
	//     confirming_amount --> awaiting_payment: minted
	//     confirming_amount --> awaiting_refund_address: refund_due
	//     confirming_amount --> idle: start
	//     entering_phone --> selecting_amount: buy
	//     entering_phone --> selecting_carrier: menu
	//     entering_phone --> confirming_amount: phone
	//     entering_phone --> awaiting_refund_address: refund_due
	//     entering_phone --> idle: start
	//     idle --> selecting_amount: buy
	//     idle --> selecting_carrier: menu
	//     idle --> awaiting_refund_address: refund_due
	//     idle --> idle: start
	//     selecting_amount --> entering_phone: amount
	//     selecting_amount --> selecting_amount: buy
	//     selecting_amount --> selecting_carrier: menu
	//     selecting_amount --> awaiting_refund_address: refund_due
	//     selecting_amount --> idle: start
	//     selecting_carrier --> selecting_amount: buy
	//     selecting_carrier --> selecting_carrier: menu
	//     selecting_carrier --> awaiting_refund_address: refund_due
	//     selecting_carrier --> idle: start
}

// A refusal says what would be allowed, for the reply to the customer.
func ExampleMachine_Next_refused() {
	_, err := conversation.Next(EnteringPhone, Amount)
	var refused *fsm.Error
	if errors.As(err, &refused) && errors.Is(err, fsm.ErrRefused) {
		fmt.Println("expected one of", refused.Allowed)
	}
	// Output: expected one of [buy menu phone refund_due start]
}

// A table that is wrong is refused when it is built, with all its faults.
func ExampleNew() {
	_, err := fsm.New("open", []fsm.Rule[string, string]{
		{On: "pay", From: []string{"open"}, To: "paid"},
		{On: "pay", From: []string{"open"}, To: "overpaid"},
		{On: "deliver", From: []string{"piad"}, To: "delivered"},
	}, "delivered")
	fmt.Println(err)
	// Output:
	// fsm: duplicate transition: state "open": event "pay": one event may leave a state by one rule only
	// fsm: unreachable state: state "delivered": no way leads here from the initial state
	// fsm: unreachable state: state "overpaid": no way leads here from the initial state
	// fsm: unreachable state: state "piad": no way leads here from the initial state
	// fsm: dead end: state "overpaid": give it a way out or declare it terminal
	// fsm: dead end: state "paid": give it a way out or declare it terminal
}

// A definition in looplab/fsm's terms becomes a checked machine.
func ExampleFromEvents() {
	m, err := fsm.New("closed", fsm.FromEvents[string, string](looplab.Events{
		{Name: "open", Src: []string{"closed"}, Dst: "opened"},
		{Name: "close", Src: []string{"opened"}, Dst: "closed"},
	}))
	fmt.Println(m.States(), err)
	// Output: [closed opened] <nil>
}
