package payments

import (
	"errors"
	"time"
)

// Kinds of failure, for errors.Is.
var (
	// ErrInvalid is a request that must be changed before it is made again.
	ErrInvalid = errors.New("the request is not valid")
	// ErrConflict is a key that stands for another request.
	ErrConflict = errors.New("the key is taken by another request")
	// ErrAuth is a credential that is wrong, or may not do this.
	ErrAuth = errors.New("not authorised")
	// ErrNotFound is an id that the other side does not know.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable is another side that cannot be reached, or failed.
	ErrUnavailable = errors.New("unavailable")
	// ErrUnsupported is what this provider cannot do at all.
	ErrUnsupported = errors.New("not supported by this provider")
	// ErrExpired is an invoice past its life.
	ErrExpired = errors.New("the invoice has expired")
	// ErrAlreadyPaid is an invoice that was paid, and not by this wallet.
	ErrAlreadyPaid = errors.New("already paid")
	// ErrNoRoute is a payee that cannot be reached, or not for this fee.
	ErrNoRoute = errors.New("no route to the payee")
	// ErrFunds is a wallet or an account with too little money.
	ErrFunds = errors.New("not enough funds")
	// ErrNetwork is an invoice or address of another Bitcoin network.
	ErrNetwork = errors.New("made for another network")
	// ErrOutOfStock is a product that the supplier has run out of.
	ErrOutOfStock = errors.New("out of stock")
	// ErrRejected is a refusal by the payee, the provider or the supplier.
	ErrRejected = errors.New("refused by the other side")
)

// Outcome says whether a failed call took effect.
type Outcome uint8

const (
	// OutcomeUnknown is the zero value: it may have happened. Look it up
	// until it is known; never repeat blindly.
	OutcomeUnknown Outcome = iota
	// NotApplied means that it certainly did not happen, and may be repeated.
	NotApplied
	// Applied means that it happened, only the answer was bad.
	Applied
)

// String names the outcome.
func (o Outcome) String() string {
	switch o {
	case NotApplied:
		return "not applied"
	case Applied:
		return "applied"
	default:
		return "outcome unknown"
	}
}

// Error is what providers and suppliers return.
type Error struct {
	// Op is what was being done ("create invoice"), Provider who was asked.
	Op, Provider string
	// Code is the other side's own, may be empty.
	Code string
	// Kind is one of the Err values above.
	Kind error
	// Outcome says whether the call took effect.
	Outcome Outcome
	// RetryAfter is positive only with NotApplied: do not ask sooner.
	RetryAfter time.Duration
	// Err is the cause, may be nil.
	Err error
}

// Error is "provider op: kind (code): cause [outcome]".
func (e *Error) Error() string {
	s := e.Provider + ": " + e.Op
	if e.Kind != nil {
		s += ": " + e.Kind.Error()
	}
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + " [" + e.Outcome.String() + "]"
}

// Unwrap makes both kind and cause visible to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// MayRepeat tells whether a call that returned err may be made again: only
// when the error says explicitly that nothing happened. Errors of other types,
// such as a context's, say nothing and may not.
func MayRepeat(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Outcome == NotApplied
}
