package btcpay

import (
	"crypto/tls"
	"errors"
	"net/http"

	"github.com/dmshop/dmshop/payments"
)

const provider = "btcpay"

// fault is an error of ours.
func fault(op string, kind error, outcome payments.Outcome, err error) *payments.Error {
	return &payments.Error{Op: op, Provider: provider, Kind: kind, Outcome: outcome, Err: err}
}

// refused is a fault before which nothing happened.
func refused(op string, kind, err error) *payments.Error {
	return fault(op, kind, payments.NotApplied, err)
}

// failed is the error of a call. What it changed is said by outcome where the
// request may have arrived and BTCPay did not refuse it; a request that never
// left changed nothing.
func failed(op string, err error, outcome payments.Outcome) *payments.Error {
	e := fault(op, payments.ErrUnavailable, outcome, err)
	var reply *replyError
	var lost *lostError
	switch {
	case errors.As(err, &reply):
		e.Code, e.Kind = reply.code, reply.kind()
		if reply.refused() {
			e.Outcome = payments.NotApplied
		}
		if e.Outcome == payments.NotApplied {
			e.RetryAfter = reply.retryAfter
		}
	case errors.As(err, &lost):
		if !lost.sent {
			e.Outcome = payments.NotApplied
		}
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			e.Kind = payments.ErrAuth
		}
	}
	return e
}

// refused tells whether BTCPay turned the request down without doing anything.
// A payment's generic-error is no such thing: the node may have tried. Nor is
// any 5xx: one can follow upon a payment that went out.
func (e *replyError) refused() bool {
	return e.status >= 400 && e.status < 500 && e.status != http.StatusRequestTimeout && e.code != codeGeneric && e.code != codeNoRoute
}

// Codes of BTCPay.
const (
	codeGeneric = "generic-error"
	codeNoRoute = "could-not-find-route"
)

var kindOfCode = map[string]error{
	codeNoRoute:                    payments.ErrNoRoute,
	codeGeneric:                    payments.ErrRejected,
	"duplicate-destination":        payments.ErrConflict,
	"overdraft":                    payments.ErrConflict,
	"expired":                      payments.ErrExpired,
	"not-started":                  payments.ErrRejected,
	"archived":                     payments.ErrRejected,
	"amount-too-low":               payments.ErrInvalid,
	"payment-method-not-supported": payments.ErrUnsupported,
}

func (e *replyError) kind() error {
	if kind := kindOfCode[e.code]; kind != nil {
		return kind
	}
	switch {
	case e.status == http.StatusUnauthorized, e.status == http.StatusForbidden:
		return payments.ErrAuth
	case e.status == http.StatusNotFound:
		return payments.ErrNotFound
	case e.status == http.StatusUnprocessableEntity, e.code == "validation":
		return payments.ErrInvalid
	case e.status == http.StatusTooManyRequests, e.status == http.StatusRequestTimeout, e.status >= 500:
		return payments.ErrUnavailable
	default:
		return payments.ErrRejected
	}
}
