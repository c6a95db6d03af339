package lnd

import (
	"crypto/tls"
	"errors"
	"strconv"
	"strings"

	"github.com/dmshop/dmshop/payments"
)

const provider = "lnd"

// Codes of gRPC that lnd, or the gateway before it, answers with.
const (
	codeCanceled          = 1
	codeUnknown           = 2
	codeInvalidArgument   = 3
	codeDeadlineExceeded  = 4
	codeNotFound          = 5
	codeAlreadyExists     = 6
	codePermissionDenied  = 7
	codeResourceExhausted = 8
	codeUnimplemented     = 12
	codeUnavailable       = 14
	codeUnauthenticated   = 16
)

// fault is an error of ours.
func fault(op string, kind error, outcome payments.Outcome, err error) *payments.Error {
	return &payments.Error{Op: op, Provider: provider, Kind: kind, Outcome: outcome, Err: err}
}

// refused is a fault before which nothing happened.
func refused(op string, kind, err error) *payments.Error {
	return fault(op, kind, payments.NotApplied, err)
}

// failed is the error of a call. What it changed is said by outcome where lnd
// did answer, or where the request may have arrived; a request that never left
// changed nothing.
func failed(op string, err error, outcome payments.Outcome) *payments.Error {
	e := fault(op, payments.ErrUnavailable, outcome, err)
	var reply *replyError
	var lost *lostError
	switch {
	case errors.As(err, &reply):
		e.Code = strconv.Itoa(reply.code)
		e.Kind = reply.kind()
		if reply.beforeHandler() {
			e.Outcome = payments.NotApplied
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

// kind reads lnd's error. lnd answers nearly all of them with code 2 and status
// 500, so that the words decide.
func (e *replyError) kind() error {
	switch e.code {
	case codeNotFound:
		return payments.ErrNotFound
	case codePermissionDenied, codeUnauthenticated:
		return payments.ErrAuth
	case codeUnimplemented:
		return payments.ErrUnsupported
	case codeInvalidArgument:
		return payments.ErrInvalid
	case codeCanceled, codeDeadlineExceeded, codeResourceExhausted, codeUnavailable:
		return payments.ErrUnavailable
	}
	switch {
	case e.aboutMacaroon():
		return payments.ErrAuth
	case e.notReady(), e.shuttingDown():
		return payments.ErrUnavailable
	case strings.Contains(e.message, "unable to locate invoice"):
		return payments.ErrNotFound
	case strings.Contains(e.message, "invoice expired"):
		return payments.ErrExpired
	case strings.Contains(e.message, "self-payments not allowed"):
		return payments.ErrInvalid
	}
	return payments.ErrRejected
}

// beforeHandler tells whether the call was turned away at the door, so that it
// certainly did nothing.
func (e *replyError) beforeHandler() bool {
	switch e.code {
	case codePermissionDenied, codeUnauthenticated, codeUnimplemented:
		return true
	}
	return e.code == codeUnknown && (e.aboutMacaroon() || e.notReady())
}

// aboutMacaroon knows the words of lnd's macaroon check.
func (e *replyError) aboutMacaroon() bool {
	for _, words := range []string{
		"permission denied", "verification failed", "cannot get macaroon", "expected 1 macaroon", "cannot determine data format of binary-encoded macaroon",
	} {
		if strings.Contains(e.message, words) {
			return true
		}
	}
	return false
}

// notReady knows the words of an lnd that has not yet started, or waits for
// its password.
func (e *replyError) notReady() bool {
	for _, words := range []string{"in the process of starting up", "wallet locked", "wallet not created", "waiting to start"} {
		if strings.Contains(e.message, words) {
			return true
		}
	}
	return false
}

func (e *replyError) shuttingDown() bool { return strings.Contains(e.message, "shutting down") }

// final tells whether the call's handler ran to its end and gave this answer.
// The gateway's own words for a call that it gave up say nothing of that.
func (e *replyError) final() bool {
	switch e.code {
	case codeCanceled, codeDeadlineExceeded, codeResourceExhausted, codeUnavailable:
		return false
	}
	return !e.shuttingDown()
}
