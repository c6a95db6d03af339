package lnd

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// MaxExpiry is the longest life of an invoice that lnd takes.
const MaxExpiry = 365 * 24 * time.Hour

// invoiceRequest is lnrpc.Invoice or, with Hash, AddHoldInvoiceRequest.
type invoiceRequest struct {
	Preimage string `json:"r_preimage,omitempty"`
	Hash     string `json:"hash,omitempty"`
	Value    number `json:"value_msat"`
	Memo     string `json:"memo"`
	Expiry   number `json:"expiry"` // 0: lnd's default
	CLTV     number `json:"cltv_expiry,omitempty"`
	Private  bool   `json:"private"`
}

// settles tells an invoice that settles by itself from a hold.
func (r invoiceRequest) settles() bool { return r.Hash == "" }

// CreateInvoice implements payments.Provider. The invoice's ID is its payment
// hash in hex. Its life is rounded up to a whole second, and at most
// [MaxExpiry]; zero is lnd's default of a day. The Memo is cut to what an
// invoice holds.
//
// Under one Key there is one invoice, also after it expired: its preimage is
// made of the PreimageKey and the Key, and lnd takes each preimage once. A
// repeat may differ in Memo and Expiry, which are then ignored. The Invoice
// does not name its Key: lnd has no place for it.
func (w *Wallet) CreateInvoice(ctx context.Context, c payments.Charge) (payments.Invoice, error) {
	const op = "create invoice"
	request, err := w.request(c)
	if err != nil {
		return payments.Invoice{}, refused(op, payments.ErrInvalid, err)
	}
	preimage := w.secrets().preimage.preimage(c.Key)
	request.Preimage = base64.StdEncoding.EncodeToString(preimage[:])
	return w.create(ctx, op, "/v1/invoices", request, preimage.Hash())
}

// request is what a plain and a hold invoice have in common.
func (w *Wallet) request(c payments.Charge) (invoiceRequest, error) {
	if err := c.Validate(); err != nil {
		return invoiceRequest{}, err
	}
	if c.Expiry > MaxExpiry {
		return invoiceRequest{}, fmt.Errorf("expiry: want at most %v, got %v", MaxExpiry, c.Expiry)
	}
	if c.Amount > maxAmount {
		return invoiceRequest{}, fmt.Errorf("amount: want at most %v, got %v", maxAmount, c.Amount)
	}
	return invoiceRequest{
		Value: number(c.Amount), Memo: cut(c.Memo), Private: w.routeHints,
		Expiry: number((c.Expiry + time.Second - 1) / time.Second),
	}, nil
}

// create makes an invoice, or finds the one of the same hash. lnd stores at
// most one for a hash, whoever asks and how often.
func (w *Wallet) create(ctx context.Context, op, path string, request invoiceRequest, hash payments.Hash) (payments.Invoice, error) {
	body, err := w.call(ctx, path, request)
	if err == nil {
		return w.created(op, body, hash, request.Value)
	}
	var reply *replyError
	if errors.As(err, &reply) && reply.beforeHandler() {
		return payments.Invoice{}, failed(op, err, payments.NotApplied)
	}
	// It is there already, or the answer was lost: lnd's word by the hash
	// tells which.
	inv, found, looked := w.lookUp(ctx, op, hash)
	switch {
	case looked == nil && (inv.Amount != payments.Msat(request.Value) || found.settles() != request.settles() && inv.Status != payments.Settled):
		return payments.Invoice{}, refused(op, payments.ErrConflict, fmt.Errorf("the invoice of this hash asks %v", inv.Amount))
	case looked == nil:
		if _, err := w.checked(inv.Bolt11, hash, request.Value); err != nil {
			return payments.Invoice{}, fault(op, kindOf(err), payments.Applied, err)
		}
		return inv, nil
	case errors.Is(looked, payments.ErrNotFound) && reply != nil && reply.final():
		return payments.Invoice{}, failed(op, err, payments.NotApplied)
	}
	// It may still be on its way. To create again under the key is safe.
	return payments.Invoice{}, failed(op, err, payments.OutcomeUnknown)
}

// created reads lnd's answer, and checks that it is what was asked for.
func (w *Wallet) created(op string, body []byte, hash payments.Hash, amount number) (payments.Invoice, error) {
	var answer struct {
		PaymentRequest string `json:"payment_request"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return payments.Invoice{}, fault(op, payments.ErrUnavailable, payments.OutcomeUnknown, errors.New("lnd's answer is not JSON"))
	}
	read, err := w.checked(answer.PaymentRequest, hash, amount)
	if err != nil {
		return payments.Invoice{}, fault(op, kindOf(err), payments.Applied, err)
	}
	return payments.Invoice{
		ID: hash.String(), Hash: hash, Bolt11: answer.PaymentRequest,
		Status: payments.Open, Amount: payments.Msat(amount), ExpiresAt: read.ExpiresAt,
	}, nil
}

// checked reads an invoice that lnd made, and refuses any other than asked.
func (w *Wallet) checked(text string, hash payments.Hash, amount number) (bolt11.Invoice, error) {
	read, err := bolt11.Decode(text, w.network)
	switch {
	case err != nil:
		return bolt11.Invoice{}, err
	case payments.Hash(read.Hash) != hash:
		return bolt11.Invoice{}, errors.New("lnd's invoice is of another hash")
	case read.AmountMsat != int64(amount):
		return bolt11.Invoice{}, errors.New("lnd's invoice is over another amount")
	}
	return read, nil
}

// kindOf tells an invoice of another network from other bad answers.
func kindOf(err error) error {
	if errors.Is(err, bolt11.ErrNetwork) {
		return payments.ErrNetwork
	}
	return payments.ErrRejected
}

// LookupInvoice implements payments.Provider. Past its expiry an invoice is
// Open until lnd cancels it, about a second later: till then it can be paid.
// lnd does not say why or when an invoice was cancelled: one to which nothing
// came is Invalid before ExpiresAt and Expired from then on. An lnd that deletes cancelled invoices (gc-canceled-invoices-*) no longer
// finds them.
func (w *Wallet) LookupInvoice(ctx context.Context, id string) (payments.Invoice, error) {
	const op = "look up invoice"
	hash, err := payments.ParseHash(id)
	if err != nil {
		if err := ctx.Err(); err != nil {
			return payments.Invoice{}, refused(op, payments.ErrUnavailable, err)
		}
		return payments.Invoice{}, refused(op, payments.ErrNotFound, nil)
	}
	inv, _, err := w.lookUp(ctx, op, hash)
	return inv, err
}

// FindInvoices implements payments.Finder: there is one invoice, plain or hold,
// or none.
func (w *Wallet) FindInvoices(ctx context.Context, key string) ([]payments.Invoice, error) {
	const op = "find invoices"
	if err := (payments.Charge{Key: key, Amount: 1}).Validate(); err != nil {
		return nil, refused(op, payments.ErrInvalid, err)
	}
	inv, m, err := w.lookUp(ctx, op, w.secrets().preimage.preimage(key).Hash())
	if err == nil && m.Value == 0 { // the key's claim on a hold
		hash, bad := payments.ParseHash(m.Memo)
		if bad != nil {
			return nil, refused(op, payments.ErrUnavailable, bad)
		}
		inv, _, err = w.lookUp(ctx, op, hash)
	}
	switch {
	case errors.Is(err, payments.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []payments.Invoice{inv}, nil
}

// lookUp reads the invoice of a hash. Its errors say NotApplied: a look-up
// changes nothing.
func (w *Wallet) lookUp(ctx context.Context, op string, hash payments.Hash) (payments.Invoice, invoiceMessage, error) {
	body, err := w.call(ctx, "/v1/invoice/"+hash.String(), nil)
	if err != nil {
		return payments.Invoice{}, invoiceMessage{}, failed(op, err, payments.NotApplied)
	}
	inv, m, err := readInvoice(body, time.Now())
	if err == nil && inv.Hash != hash {
		err = errors.New("lnd's invoice is of another hash")
	}
	if err != nil {
		return payments.Invoice{}, invoiceMessage{}, refused(op, payments.ErrUnavailable, err)
	}
	return inv, m, nil
}

// cut shortens a memo between two characters.
func cut(memo string) string {
	s := strings.ToValidUTF8(memo, "\uFFFD")
	end := len(s)
	if end > bolt11.MaxDescription {
		for end = bolt11.MaxDescription; !utf8.RuneStart(s[end]); end-- {
		}
	}
	return s[:end]
}
