package greenfield_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/greenfield"
)

func checker(t *testing.T) *greenfield.Checker {
	t.Helper()
	if greenfield.Dir() == "" {
		t.Skip("GREENFIELD_OPENAPI names no folder with BTCPay's OpenAPI files")
	}
	c, err := greenfield.Load(greenfield.Dir())
	require.NoError(t, err)
	return c
}

const (
	store   = "/api/v1/stores/store"
	invoice = `{"id":"i","storeId":"store","amount":"1","currency":"BTC","status":"New","additionalStatus":"None","createdTime":1,"metadata":{}}`
	event   = `{"deliveryId":"d","webhookId":"w","originalDeliveryId":"d","isRedelivery":false,"type":"InvoiceSettled","timestamp":1,"storeId":"s","invoiceId":"i","metadata":{},"manuallyMarked":false,"overPaid":false}`
)

// What is right passes, and each kind of mistake is found: the check is one.
func TestCheck(t *testing.T) {
	t.Parallel()
	c := checker(t)
	header := http.Header{"Content-Type": {"application/json"}}
	post := func(path, body, answer string) greenfield.Exchange {
		return greenfield.Exchange{Method: "POST", URL: store + path, Header: header, Body: []byte(body), Answer: []byte(answer), Status: 200, AnswerHeader: header}
	}
	get := func(path string, status int, answer string) greenfield.Exchange {
		return greenfield.Exchange{Method: "GET", URL: store + path, Header: http.Header{}, Answer: []byte(answer), Status: status, AnswerHeader: header}
	}
	hook := func(name, body string) greenfield.Exchange {
		return greenfield.Exchange{Event: name, Header: http.Header{"Content-Type": {"application/json"}, "Btcpay-Sig": {"sha256=00"}}, Body: []byte(body)}
	}
	for name, e := range map[string]greenfield.Exchange{
		"create":        post("/invoices", `{"amount":"1","checkout":{"paymentMethods":["BTC-LN"]}}`, invoice),
		"long path":     get("/invoices/i", 200, invoice),
		"list":          get("/invoices?orderId=x&includeArchived=true", 200, "["+invoice+"]"),
		"refused":       get("/invoices/i", 403, `{"code":"missing-permission","message":"x"}`),
		"lost question": {Method: "GET", URL: store + "/invoices/i", Header: http.Header{}},
		"webhook":       hook("InvoiceSettled", event),
	} {
		require.NoError(t, c.Check(t.Context(), e), name)
	}
	noSignature := hook("InvoiceSettled", event)
	noSignature.Header.Del("Btcpay-Sig")
	for name, e := range map[string]greenfield.Exchange{
		"unknown property":        post("/invoices", `{"amounts":"1"}`, invoice),
		"a number for an amount":  post("/invoices", `{"amount":1}`, invoice),
		"property of an answer":   get("/invoices/i", 200, `{"id":"i","colour":"red"}`),
		"status of an answer":     get("/invoices/i", 200, `{"id":"i","status":"Sold"}`),
		"amount of an answer":     get("/invoices/i", 200, `{"id":"i","amount":1}`),
		"not a list":              get("/invoices", 200, invoice),
		"unknown path":            get("/invoice/i", 200, invoice),
		"status out of the files": get("/invoices/i", 500, invoice),
		"unknown webhook":         hook("InvoiceAbducted", event),
		"unsigned webhook":        noSignature,
		"webhook's property":      hook("InvoiceExpired", event),
	} {
		require.Error(t, c.Check(t.Context(), e), name)
	}
}

func TestLoad_Empty(t *testing.T) {
	t.Parallel()
	_, err := greenfield.Load(t.TempDir())
	require.ErrorContains(t, err, "no OpenAPI files")
}
