package lnaddr

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/dmshop/dmshop/payments/bolt11"
)

// maxFinalCLTV is how many blocks, three days, a payee may hold the payment.
const maxFinalCLTV = 432

// Invoice is a checked invoice, ready to be kept and then paid.
type Invoice struct {
	// Bolt11 is the payment request, as it came.
	Bolt11 string
	// Hash is its payment hash, the key of the payment.
	Hash [32]byte
	// AmountMsat is what was asked for, in millisatoshi.
	AmountMsat int64
	// ExpiresAt is when it stops being payable.
	ExpiresAt time.Time
	// Payee is the node that signed, a compressed public key.
	Payee [33]byte
	// VerifyURL proves the payment later (LUD-21), see [Client.Verify]; empty
	// where the service does not offer it.
	VerifyURL string
	// Success is what the service wants to tell who paid (LUD-09, LUD-10).
	Success SuccessAction
}

// Invoice asks what an address takes and then for an invoice over exactly
// amountMsat millisatoshi. The comment is sent as far as the service takes
// comments, and cut to what it takes.
//
// The invoice is checked as the package says; one that fails is [ErrBadInvoice]
// with the reason, often one of bolt11's errors, as its cause. No money moves.
func (c *Client) Invoice(ctx context.Context, a Address, amountMsat int64, comment string) (Invoice, error) {
	p, err := c.Resolve(ctx, a)
	if err != nil {
		return Invoice{}, err
	}
	return c.Fetch(ctx, p, amountMsat, comment)
}

// Fetch is the second half of [Client.Invoice], for a caller that has just
// resolved the address.
func (c *Client) Fetch(ctx context.Context, p Params, amountMsat int64, comment string) (Invoice, error) {
	if err := p.Accepts(amountMsat); err != nil {
		return Invoice{}, err
	}
	if p.callback == nil {
		return Invoice{}, &Error{Step: StepFetch, Kind: ErrAnswer, Err: errors.New("params that were not resolved")}
	}
	u := withQuery(p.callback, "amount", strconv.FormatInt(amountMsat, 10))
	if comment = cut(comment, p.Comment); comment != "" {
		u = withQuery(u, "comment", comment)
	}
	if p.payer != "" {
		u = withQuery(u, "payerdata", p.payer)
	}
	host := u.Hostname()
	body, fail := c.get(ctx, u)
	if fail != nil {
		return Invoice{}, fail.at(StepFetch, host)
	}
	var w struct {
		PR            string
		Verify        json.RawMessage
		SuccessAction json.RawMessage
	}
	if fail := readAnswer(body, &w); fail != nil {
		return Invoice{}, fail.at(StepFetch, host)
	}
	if w.PR == "" {
		return Invoice{}, &Error{Step: StepFetch, Kind: ErrAnswer, Host: host, Err: errors.New("no invoice in it")}
	}
	inv, err := c.check(w.PR, amountMsat)
	if err != nil {
		return Invoice{}, &Error{Step: StepCheck, Kind: ErrBadInvoice, Host: host, Err: err}
	}
	success, err := readSuccess(w.SuccessAction, host)
	if err != nil {
		return Invoice{}, &Error{Step: StepFetch, Kind: ErrAnswer, Host: host, Err: err}
	}
	c.compareHash(ctx, p, inv)
	checked := Invoice{
		Bolt11: w.PR, Hash: inv.Hash, AmountMsat: amountMsat, ExpiresAt: inv.ExpiresAt, Payee: inv.Payee, Success: success,
	}
	if v, err := checkURL(text(w.Verify)); err == nil {
		checked.VerifyURL = v.String()
	}
	return checked, nil
}

// check holds an invoice against what was asked.
func (c *Client) check(pr string, amountMsat int64) (bolt11.Invoice, error) {
	inv, err := bolt11.Decode(pr, c.cfg.Network)
	if err != nil {
		return inv, err
	}
	now := c.cfg.Now()
	switch {
	case inv.AmountMsat == 0:
		return inv, errors.New("it names no amount")
	case inv.AmountMsat != amountMsat:
		return inv, fmt.Errorf("it is over %d msat, not %d", inv.AmountMsat, amountMsat)
	case inv.Expired(now):
		return inv, errors.New("it has expired")
	case inv.Expired(now.Add(c.cfg.Margin)):
		return inv, fmt.Errorf("it expires within %v", c.cfg.Margin)
	case inv.ExpiresAt.After(now.Add(c.cfg.MaxLife)):
		return inv, fmt.Errorf("it lives for more than %v", c.cfg.MaxLife)
	case inv.MinFinalCLTV > maxFinalCLTV:
		return inv, fmt.Errorf("it may hold the payment for %d blocks, more than %d", inv.MinFinalCLTV, maxFinalCLTV)
	}
	return inv, nil
}

func (c *Client) compareHash(ctx context.Context, p Params, inv bolt11.Invoice) {
	var none [32]byte
	if want := sha256.Sum256([]byte(p.metadata + p.payer)); inv.DescriptionHash != none && inv.DescriptionHash != want {
		c.cfg.Logger.WarnContext(ctx, "the invoice's description hash does not match the service's metadata", "host", p.host)
	}
}

// Verify asks the service whether an invoice was paid (LUD-21). True is proven:
// the service knows the preimage of hash. False proves nothing, since the
// service may be wrong or late; the wallet that paid decides.
func (c *Client) Verify(ctx context.Context, verifyURL string, hash [32]byte) (bool, error) {
	u, err := checkURL(verifyURL)
	if err != nil {
		return false, &Error{Step: StepVerify, Kind: ErrAnswer, Err: errors.New("not a URL to ask")}
	}
	body, fail := c.get(ctx, u)
	if fail != nil {
		return false, fail.at(StepVerify, u.Hostname())
	}
	var w struct {
		Settled  json.RawMessage
		Preimage json.RawMessage
	}
	if fail := readAnswer(body, &w); fail != nil {
		return false, fail.at(StepVerify, u.Hostname())
	}
	preimage, err := hex.DecodeString(text(w.Preimage))
	if string(w.Settled) != "true" || err != nil || len(preimage) != len(hash) {
		return false, nil //nolint:nilerr // a preimage that is none proves nothing
	}
	sum := sha256.Sum256(preimage)
	return bytes.Equal(sum[:], hash[:]), nil
}
