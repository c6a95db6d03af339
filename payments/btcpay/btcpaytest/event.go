package btcpaytest

import (
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/dmshop/dmshop/payments/paymentstest"
)

// Event is what a webhook tells, for a shop's tests of its own endpoint. The
// zero value of a field is left out, or filled in.
type Event struct {
	// Type is BTCPay's: "InvoiceSettled".
	Type string
	// Invoice is the id, Store the store's; empty means [StoreID].
	Invoice, Store string
	// Delivery is the name of this request, Original that of the first one of
	// its kind; empty means the same.
	Delivery, Original string
	// Webhook is the webhook's id.
	Webhook string
	// Again tells that it is not the first one.
	Again bool
	// At is when the first one was sent.
	At time.Time
	// Metadata is the invoice's; More are fields of this type of event.
	Metadata json.RawMessage
	More     map[string]any
}

// Body is the event as BTCPay writes it: indented JSON.
func (e Event) Body() []byte {
	fields := maps.Clone(e.More)
	if fields == nil {
		fields = map[string]any{}
	}
	fields["deliveryId"], fields["originalDeliveryId"] = or(e.Delivery, "delivery-1"), or(e.Original, or(e.Delivery, "delivery-1"))
	fields["webhookId"], fields["isRedelivery"], fields["type"] = or(e.Webhook, "webhook-1"), e.Again, e.Type
	fields["timestamp"], fields["storeId"] = max(0, e.At.Unix()), or(e.Store, StoreID)
	if e.Invoice != "" {
		fields["invoiceId"], fields["metadata"] = e.Invoice, e.Metadata
		if len(e.Metadata) == 0 {
			fields["metadata"] = map[string]any{}
		}
	}
	text, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		panic("btcpaytest: Event.More: " + err.Error())
	}
	return text
}

// Request is the event as a request to url, signed with a secret.
func (e Event) Request(url, secret string) (*http.Request, error) {
	return paymentstest.BTCPay.Request(url, secret, e.Body())
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
