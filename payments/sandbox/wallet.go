package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// Wallet is one participant of a [Network]. It is safe for concurrent use.
type Wallet struct {
	network *Network
	name    string
	key     *bolt11.Key // a pointer, so that printing a Wallet does not show it
	payee   [33]byte
	opening payments.Msat
}

var (
	_ payments.Provider        = (*Wallet)(nil)
	_ payments.Finder          = (*Wallet)(nil)
	_ payments.Watcher         = (*Wallet)(nil)
	_ payments.WebhookVerifier = (*Wallet)(nil)
	_ payments.Payer           = (*Wallet)(nil)
	_ payments.Refunder        = (*Wallet)(nil)
	_ payments.Holder          = (*Wallet)(nil)
	_ payments.Describer       = (*Wallet)(nil)
)

// Name is the wallet's name.
func (w *Wallet) Name() string { return w.name }

// String is "sandbox wallet NAME".
func (w *Wallet) String() string { return "sandbox wallet " + w.name }

// Balance is what the wallet began with, and received, less what it paid.
func (w *Wallet) Balance(ctx context.Context) (payments.Msat, error) {
	v, err := w.network.journal.look(ctx, payments.Hash{}, w.name)
	if err != nil {
		return 0, refused("read balance", payments.ErrUnavailable, err)
	}
	return w.opening + v.moved, nil
}

// CreateInvoice implements payments.Provider. The invoice's ID is its payment
// hash in hex, its description "SANDBOX " and the Charge's Memo, cut to what an
// invoice holds. Its life is rounded up to a whole second, and at most
// [MaxExpiry]. Under one Key there is one invoice, also after it expired; a
// repeat may differ in Memo and Expiry, which are then ignored.
func (w *Wallet) CreateInvoice(ctx context.Context, c payments.Charge) (payments.Invoice, error) {
	const op = "create invoice"
	if err := c.Validate(); err != nil {
		return payments.Invoice{}, refused(op, payments.ErrInvalid, err)
	}
	preimage := payments.Preimage(w.derive("preimage", c.Key))
	hash := preimage.Hash()
	var record invoiceRecord
	found, err := w.network.records.read(ctx, invoiceName(hash), &record)
	if err != nil {
		return payments.Invoice{}, refused(op, payments.ErrUnavailable, err)
	}
	if !found {
		if record, err = w.sign(c, hash, 0); err != nil {
			return payments.Invoice{}, refused(op, payments.ErrInvalid, err)
		}
		record.Preimage = secret(preimage)
		made, err := w.network.records.create(ctx, invoiceName(hash), record)
		if err == nil && !made {
			_, err = w.network.records.read(ctx, invoiceName(hash), &record)
		}
		if err != nil {
			return payments.Invoice{}, unknown(op, err)
		}
	}
	if !record.Hold.IsZero() {
		return payments.Invoice{}, refused(op, payments.ErrConflict, errors.New("a hold invoice was made under this key"))
	}
	if record.Amount != c.Amount {
		return payments.Invoice{}, refused(op, payments.ErrConflict, fmt.Errorf("the invoice under this key asks %v, not %v", record.Amount, c.Amount))
	}
	return w.invoice(ctx, op, hash, record)
}

// LookupInvoice implements payments.Provider. Invoices of other wallets are
// not found.
func (w *Wallet) LookupInvoice(ctx context.Context, id string) (payments.Invoice, error) {
	const op = "look up invoice"
	hash, err := payments.ParseHash(id)
	if err != nil {
		return payments.Invoice{}, refused(op, payments.ErrNotFound, nil)
	}
	record, err := w.own(ctx, op, hash)
	if err != nil {
		return payments.Invoice{}, err
	}
	return w.invoice(ctx, op, hash, record)
}

// FindInvoices implements payments.Finder: at most one.
func (w *Wallet) FindInvoices(ctx context.Context, key string) ([]payments.Invoice, error) {
	const op = "find invoices"
	hash := payments.Preimage(w.derive("preimage", key)).Hash()
	var record invoiceRecord
	found, err := w.network.records.read(ctx, invoiceName(hash), &record)
	if err == nil && !record.Hold.IsZero() {
		hash, record = record.Hold, invoiceRecord{}
		found, err = w.network.records.read(ctx, invoiceName(hash), &record)
	}
	switch {
	case err != nil:
		return nil, refused(op, payments.ErrUnavailable, err)
	case !found:
		return nil, nil
	}
	inv, err := w.invoice(ctx, op, hash, record)
	if err != nil {
		return nil, err
	}
	return []payments.Invoice{inv}, nil
}

// own reads an invoice that this wallet made.
func (w *Wallet) own(ctx context.Context, op string, hash payments.Hash) (invoiceRecord, error) {
	var record invoiceRecord
	found, err := w.network.records.read(ctx, invoiceName(hash), &record)
	switch {
	case err != nil:
		return record, refused(op, payments.ErrUnavailable, err)
	case !found || record.Wallet != w.name || record.Bolt11 == "":
		return record, refused(op, payments.ErrNotFound, nil)
	}
	return record, nil
}

// invoice is the record in its present state.
func (w *Wallet) invoice(ctx context.Context, op string, hash payments.Hash, r invoiceRecord) (payments.Invoice, error) {
	v, err := w.network.journal.look(ctx, hash, w.name)
	if err != nil {
		return payments.Invoice{}, refused(op, payments.ErrUnavailable, err)
	}
	inv := payments.Invoice{
		ID: hash.String(), Key: r.Key, Hash: hash, Bolt11: r.Bolt11,
		Status: payments.Open, Amount: r.Amount, ExpiresAt: r.ExpiresAt,
	}
	switch p := v.payment; {
	case p == nil && !w.network.options.Now().Before(r.ExpiresAt):
		inv.Status = payments.Expired
	case p == nil:
	case p.Act == held:
		inv.Status, inv.Received, inv.Deadline = payments.Held, p.Amount, p.Until
	case p.Act == cancelled:
		inv.Status = payments.Invalid
	default:
		inv.Status, inv.Received, inv.SettledAt = payments.Settled, p.Amount, p.PaidAt
	}
	return inv, nil
}

// sign makes the invoice for c; blocks are how long a payment may be held.
func (w *Wallet) sign(c payments.Charge, hash payments.Hash, blocks uint32) (invoiceRecord, error) {
	life := c.Expiry
	if life == 0 {
		life = w.network.options.Expiry
	}
	if life > MaxExpiry {
		return invoiceRecord{}, fmt.Errorf("expiry: want at most %v, got %v", MaxExpiry, life)
	}
	now := w.network.options.Now().UTC()
	expires := now.Add(life + time.Second - 1).Truncate(time.Second)
	text, err := bolt11.Sign(bolt11.Invoice{
		Network:     bolt11.Regtest,
		AmountMsat:  int64(c.Amount),
		Hash:        hash,
		Secret:      w.derive("secret", c.Key),
		Description: describe(c.Memo),
		CreatedAt:   now.Truncate(time.Second),
		ExpiresAt:   expires,

		MinFinalCLTV: blocks,
	}, *w.key)
	if err != nil {
		return invoiceRecord{}, err
	}
	return invoiceRecord{Wallet: w.name, Key: c.Key, Amount: c.Amount, Bolt11: text, ExpiresAt: expires}, nil
}

// derive makes a secret of the wallet's key: the same for the same purpose and
// Charge.
func (w *Wallet) derive(purpose, key string) [32]byte {
	mac := hmac.New(sha256.New, w.key[:])
	mac.Write([]byte("dmshop sandbox " + purpose + "\x00" + key))
	return [32]byte(mac.Sum(nil))
}

// describe marks a memo, and cuts it between two characters.
func describe(memo string) string {
	s := strings.ToValidUTF8("SANDBOX "+memo, "\uFFFD")
	end := len(s)
	if end > bolt11.MaxDescription {
		for end = bolt11.MaxDescription; !utf8.RuneStart(s[end]); end-- {
		}
	}
	return s[:end]
}
