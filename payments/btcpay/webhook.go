package btcpay

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/dmshop/dmshop/payments"
)

const (
	signatureHeader = "Btcpay-Sig" // as http.Header spells BTCPay-Sig
	signaturePrefix = "sha256="
)

// eventMessage is WebhookInvoiceEvent, less what is not read: it is a hint.
type eventMessage struct {
	Delivery string `json:"deliveryId"`
	Original string `json:"originalDeliveryId"`
	// Misspelt is what old servers call Original.
	Misspelt string `json:"orignalDeliveryId"`
	Type     string `json:"type"`
	Store    string `json:"storeId"`
	Invoice  string `json:"invoiceId"`
}

// VerifyWebhook implements payments.WebhookVerifier. BTCPay signs no time: a
// request that somebody recorded is as good as new, and harmless, since a
// notice is but a reason to look. Its Delivery is the same each time that
// BTCPay sends it again. Events of unknown types, of other stores and about
// anything but invoices are no notices.
func (w *Wallet) VerifyWebhook(header http.Header, body []byte, _ time.Time) ([]payments.Notice, error) {
	const op = "verify webhook"
	mac, ok := strings.CutPrefix(header.Get(signatureHeader), signaturePrefix)
	if !ok {
		return nil, refused(op, payments.ErrAuth, errors.New("no signature, or none that can be read"))
	}
	if !payments.VerifyHMAC(mac, body, w.secrets().webhooks...) {
		return nil, refused(op, payments.ErrAuth, errors.New("the signature is wrong"))
	}
	var e eventMessage
	if json.Unmarshal(body, &e) != nil {
		return nil, refused(op, payments.ErrInvalid, errors.New("not the JSON of a webhook"))
	}
	if !strings.HasPrefix(e.Type, "Invoice") || e.Store != w.store || !anID.MatchString(e.Invoice) {
		return nil, nil
	}
	return []payments.Notice{{ID: e.Invoice, Delivery: cmp.Or(e.Original, e.Misspelt, e.Delivery)}}, nil
}
