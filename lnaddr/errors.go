package lnaddr

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kinds of [*Error], for errors.Is.
var (
	// ErrNotAddress means that the text is no address to pay to.
	ErrNotAddress = errors.New("not a Lightning address or LNURL-pay")
	// ErrInvoice means that the text is a BOLT 11 invoice where an address is
	// wanted.
	ErrInvoice = errors.New("an invoice, not an address")
	// ErrOnion means a host that only Tor reaches, and no [Config].Onion.
	ErrOnion = errors.New("onion addresses are not supported")
	// ErrUnreachable means that the host did not answer in time, or may not
	// be asked (a private address, a redirect elsewhere). It may work later.
	ErrUnreachable = errors.New("host not reachable")
	// ErrAnswer means that the host answers, but not as LNURL-pay asks.
	ErrAnswer = errors.New("not an answer of LNURL-pay")
	// ErrRefused means that the service said no; [Error].Reason says why.
	ErrRefused = errors.New("refused by the service")
	// ErrRange means that the amount is outside [Error].Min and Max.
	ErrRange = errors.New("amount out of range")
	// ErrPayerData means that the service insists on data about the payer
	// (LUD-18) that [Config].Payer does not give.
	ErrPayerData = errors.New("the service wants to know the payer")
	// ErrBadInvoice means that the invoice is not the one that was asked for,
	// or not safe to pay.
	ErrBadInvoice = errors.New("the invoice is not acceptable")
)

// Step is the part of the work that failed.
type Step string

// The steps, in their order.
const (
	StepParse   Step = "read the address"
	StepResolve Step = "ask what the address takes"
	StepFetch   Step = "ask for an invoice"
	StepCheck   Step = "check the invoice"
	StepVerify  Step = "ask whether it is paid"
)

// Error is what this package returns.
type Error struct {
	Step Step
	// Kind is one of the Err values above.
	Kind error
	// Host was asked; empty before any was.
	Host string
	// Reason is the service's own words with ErrRefused: one line of
	// printable text, at most 200 characters. It may name the customer; it is
	// not part of the error's text.
	Reason string
	// Min and Max are set with ErrRange, in millisatoshi.
	Min, Max int64
	// Err is the cause, may be nil.
	Err error
}

// Error is "lnaddr: step (host): kind: cause".
func (e *Error) Error() string {
	s := "lnaddr: " + string(e.Step)
	if e.Host != "" {
		s += " (" + e.Host + ")"
	}
	s += ": " + e.Kind.Error()
	if e.Kind == ErrRange {
		s += fmt.Sprintf(": want %d to %d msat", e.Min, e.Max)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes both kind and cause visible to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// CustomerText says in one English sentence what a customer may know of err:
// what is wrong and what they can do, nothing of how this side works. Shops in
// other languages switch on the kinds instead.
func CustomerText(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return "something went wrong, please try again later."
	}
	switch e.Kind {
	case ErrNotAddress:
		return "that is not a Lightning address (like name@wallet.com) or LNURL."
	case ErrInvoice:
		return "that is an invoice; please send a Lightning address (like name@wallet.com) or an LNURL."
	case ErrOnion:
		return "Tor (.onion) addresses are not supported."
	case ErrUnreachable:
		return "the wallet service behind that address cannot be reached right now."
	case ErrRefused:
		if e.Reason != "" {
			return fmt.Sprintf("the wallet service behind that address refused, saying: %q.", e.Reason)
		}
		return "the wallet service behind that address refused."
	case ErrRange:
		return "that address takes " + satRange(e.Min, e.Max) + " only."
	case ErrPayerData:
		return "the wallet service behind that address asks for personal data of the payer."
	case ErrBadInvoice:
		return "the wallet service behind that address gave an unusable invoice."
	default:
		return "that address does not take Lightning payments."
	}
}

// satRange shows the whole satoshi between two amounts.
func satRange(lo, hi int64) string {
	const msat = 1000
	from, to := (lo-1)/msat+1, hi/msat
	switch {
	case hi == math.MaxInt64:
		return strconv.FormatInt(from, 10) + " sat and more"
	case from > to: // no whole satoshi lies between
		return fmt.Sprintf("%d to %d millisatoshi", lo, hi)
	}
	return fmt.Sprintf("%d to %d sat", from, to)
}

// clean makes a stranger's text fit to show: one line, printable characters
// without invisible and reordering ones, at most limit of them.
func clean(s string, limit int) string {
	shown := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(cut(strings.Join(strings.Fields(shown), " "), limit))
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}
