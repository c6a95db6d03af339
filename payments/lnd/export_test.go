package lnd

import (
	"time"

	"github.com/dmshop/dmshop/payments"
)

// SetGrace makes Pay wait less beyond its PayTimeout.
func (w *Wallet) SetGrace(d time.Duration) { w.grace = d }

var (
	ReadInvoice    = readInvoice
	ReadPayment    = readPayment
	ReadReplyError = readReplyError
	ReadMessage    = readMessage
)

// Failed is the error of a call that lnd answered so.
func Failed(status int, body string) *payments.Error {
	return failed("test", readReplyError(status, []byte(body)), payments.OutcomeUnknown)
}
