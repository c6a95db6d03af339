// Package fsm is a typed, pure state machine: a table that says which step may
// follow which, checked when it is built.
//
//	var table = fsm.Must(Unpaid, []fsm.Rule[State, Event]{
//		{On: Settle, From: []State{Unpaid}, To: Paid},
//		{On: Expire, From: []State{Unpaid}, To: Expired},
//		{On: Settle, From: []State{Expired}, To: RefundDue}, // late money is still money
//		{On: Deliver, From: []State{Paid}, To: Delivered},
//		{On: Refund, From: []State{RefundDue}, To: Refunded},
//	}, Delivered, Refunded)
//
//	to, err := table.Next(order.State, Settle)
//
// A [Machine] holds no current state. The state lives in the caller's store,
// where it changes by compare-and-swap; [Machine.Next] only answers what it
// would become. There are no callbacks, so nothing can happen between the
// question and the answer, and one machine serves any number of goroutines.
//
// # What is guaranteed
//
// [New] refuses a table with an unreachable state, a dead end nobody declared,
// two answers to one question, or a name it cannot draw, and reports all
// faults at once. What it accepts is total over its own names: every pair of a
// known state and any event is either one target or an [ErrRefused] that lists
// what is allowed. A state from outside the table (an old row, another
// version) is [ErrUnknownState], never a guess.
//
// A transition to the same state is a transition like any other and succeeds.
//
// # looplab/fsm
//
// The table converts from and to the fsm.Events of github.com/looplab/fsm
// ([FromEvents], [Machine.Table]), whose drawing [Machine.Mermaid] returns and
// which the tests hold as the oracle. Its machine is not used to decide: it
// keeps its state inside, calls back, and treats a self transition as an error.
package fsm
