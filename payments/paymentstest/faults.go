package paymentstest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dmshop/dmshop/payments"
)

// Wallet is a wallet with every capability, such as the sandbox's.
type Wallet interface {
	payments.Provider
	payments.Finder
	payments.Watcher
	payments.WebhookVerifier
	payments.Payer
	payments.Refunder
	payments.Holder
	payments.Describer
}

// Call names a method that can be made to fail.
type Call string

// The calls.
const (
	Create        Call = "create invoice"
	Lookup        Call = "look up invoice"
	Find          Call = "find invoices"
	Pay           Call = "pay"
	LookupPayment Call = "look up payment"
	PrepareRefund Call = "prepare refund"
	ExecuteRefund Call = "execute refund"
	RefundStatus  Call = "refund status"
	Hold          Call = "create hold"
	SettleHold    Call = "settle hold"
	CancelHold    Call = "cancel hold"
)

// Fault is what goes wrong with a call. The zero value is nothing.
type Fault struct {
	// Delay comes before the call.
	Delay time.Duration
	// Fail answers without making the call: the wallet is down.
	Fail bool
	// Lose makes the call and loses its answer: the outcome is unknown.
	Lose bool
	// At is called when the call has been made and before it is answered: the
	// moment to end a process, or to let another one act.
	At func()
}

// ErrFault is the cause of what a [Faults] makes fail.
var ErrFault = errors.New("a fault was asked for")

// Faults is a wallet in front of another one, with faults that are switched on
// and off. It is safe for concurrent use.
type Faults struct {
	Wallet
	mu       sync.Mutex
	faults   map[Call]Fault
	calls    map[Call]int
	amend    map[string]func(*payments.Invoice)
	scramble bool
}

// NewFaults puts faults, none at first, in front of a wallet.
func NewFaults(w Wallet) *Faults {
	return &Faults{Wallet: w, faults: map[Call]Fault{}, calls: map[Call]int{}, amend: map[string]func(*payments.Invoice){}}
}

// Set switches the fault of a call; the zero Fault switches it off.
func (f *Faults) Set(c Call, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[c] = fault
}

// Calls is how often the call was made, those that failed included.
func (f *Faults) Calls(c Call) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[c]
}

// Amend lets the wallet tell an invoice otherwise than it is: of another
// amount, paid late, in part, or more. The ID is the invoice's; empty amends
// what CreateInvoice answers. Nil lets it tell the truth again.
func (f *Faults) Amend(id string, how func(*payments.Invoice)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.amend[id] = how
}

// Scramble tells each notice twice, and each two of them in the wrong order.
func (f *Faults) Scramble(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scramble = on
}

// try makes a call with its fault.
func try[T any](ctx context.Context, f *Faults, c Call, call func() (T, error)) (T, error) {
	f.mu.Lock()
	fault := f.faults[c]
	f.calls[c]++
	f.mu.Unlock()
	var zero T
	fail := func(o payments.Outcome, cause error) (T, error) {
		return zero, &payments.Error{Provider: "faults", Op: string(c), Kind: payments.ErrUnavailable, Outcome: o, Err: cause}
	}
	if fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-ctx.Done():
			return fail(payments.OutcomeUnknown, ctx.Err())
		}
	}
	if fault.Fail {
		return fail(payments.NotApplied, ErrFault)
	}
	v, err := call()
	if fault.At != nil {
		fault.At()
	}
	if fault.Lose {
		return fail(payments.OutcomeUnknown, ErrFault)
	}
	return v, err
}

func (f *Faults) amended(name string, inv payments.Invoice) payments.Invoice {
	f.mu.Lock()
	how := f.amend[name]
	f.mu.Unlock()
	if how != nil {
		how(&inv)
	}
	return inv
}

// CreateInvoice implements payments.Provider.
func (f *Faults) CreateInvoice(ctx context.Context, c payments.Charge) (payments.Invoice, error) {
	return try(ctx, f, Create, func() (payments.Invoice, error) {
		inv, err := f.Wallet.CreateInvoice(ctx, c)
		return f.amended("", inv), err
	})
}

// LookupInvoice implements payments.Provider.
func (f *Faults) LookupInvoice(ctx context.Context, id string) (payments.Invoice, error) {
	return try(ctx, f, Lookup, func() (payments.Invoice, error) {
		inv, err := f.Wallet.LookupInvoice(ctx, id)
		return f.amended(id, inv), err
	})
}

// FindInvoices implements payments.Finder.
func (f *Faults) FindInvoices(ctx context.Context, key string) ([]payments.Invoice, error) {
	return try(ctx, f, Find, func() ([]payments.Invoice, error) { return f.Wallet.FindInvoices(ctx, key) })
}

// Pay implements payments.Payer.
func (f *Faults) Pay(ctx context.Context, r payments.PayRequest) (payments.Payment, error) {
	return try(ctx, f, Pay, func() (payments.Payment, error) { return f.Wallet.Pay(ctx, r) })
}

// LookupPayment implements payments.Payer.
func (f *Faults) LookupPayment(ctx context.Context, h payments.Hash) (payments.Payment, error) {
	return try(ctx, f, LookupPayment, func() (payments.Payment, error) { return f.Wallet.LookupPayment(ctx, h) })
}

// PrepareRefund implements payments.Refunder.
func (f *Faults) PrepareRefund(ctx context.Context, r payments.Refund) ([]byte, error) {
	return try(ctx, f, PrepareRefund, func() ([]byte, error) { return f.Wallet.PrepareRefund(ctx, r) })
}

// ExecuteRefund implements payments.Refunder.
func (f *Faults) ExecuteRefund(ctx context.Context, attempt []byte) (payments.Payment, error) {
	return try(ctx, f, ExecuteRefund, func() (payments.Payment, error) { return f.Wallet.ExecuteRefund(ctx, attempt) })
}

// RefundStatus implements payments.Refunder.
func (f *Faults) RefundStatus(ctx context.Context, attempt []byte) (payments.Payment, error) {
	return try(ctx, f, RefundStatus, func() (payments.Payment, error) { return f.Wallet.RefundStatus(ctx, attempt) })
}

// CreateHold implements payments.Holder.
func (f *Faults) CreateHold(ctx context.Context, c payments.HoldCharge) (payments.Invoice, error) {
	return try(ctx, f, Hold, func() (payments.Invoice, error) { return f.Wallet.CreateHold(ctx, c) })
}

// SettleHold implements payments.Holder.
func (f *Faults) SettleHold(ctx context.Context, p payments.Preimage) error {
	_, err := try(ctx, f, SettleHold, func() (struct{}, error) { return struct{}{}, f.Wallet.SettleHold(ctx, p) })
	return err
}

// CancelHold implements payments.Holder.
func (f *Faults) CancelHold(ctx context.Context, h payments.Hash) error {
	_, err := try(ctx, f, CancelHold, func() (struct{}, error) { return struct{}{}, f.Wallet.CancelHold(ctx, h) })
	return err
}

// Watch implements payments.Watcher. Scrambled, the last notice of an odd
// number is kept until the next one comes.
func (f *Faults) Watch(ctx context.Context, cursor string, fn func(context.Context, payments.Notice) error) error {
	var kept []payments.Notice
	return f.Wallet.Watch(ctx, cursor, func(ctx context.Context, n payments.Notice) error {
		f.mu.Lock()
		scramble := f.scramble
		f.mu.Unlock()
		if !scramble {
			return fn(ctx, n)
		}
		if kept = append(kept, n); len(kept) < 2 {
			return nil
		}
		for _, n := range []payments.Notice{kept[1], kept[0], kept[1], kept[0]} {
			if err := fn(ctx, n); err != nil {
				return err
			}
		}
		kept = nil
		return nil
	})
}
