package btcpay

import (
	"encoding/json"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

var (
	ReadPayment    = readPayment
	ReadReplyError = readReplyError
)

// ReadInvoice reads the two answers that make an invoice.
func ReadInvoice(invoice, methods []byte, network bolt11.Network) (payments.Invoice, error) {
	var m invoiceMessage
	if err := json.Unmarshal(invoice, &m); err != nil {
		return payments.Invoice{}, err
	}
	ln, _, err := readMethods(methods)
	if err != nil {
		return payments.Invoice{}, err
	}
	return readInvoice(m, ln, network)
}

// ReadPayouts is what became of a pull payment.
func ReadPayouts(text []byte, pull string) (payments.Payment, error) {
	live, _, err := readPayouts(text, pull)
	if err != nil || live == nil {
		return payments.Payment{}, err
	}
	return readPayout(*live)
}

// Failed is the error of a call that BTCPay answered so.
func Failed(status int, body string) *payments.Error {
	return failed("test", readReplyError(status, []byte(body)), payments.OutcomeUnknown)
}
