package btcpay

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/dmshop/dmshop/payments"
)

// webhookRequest is WebhookDataCreate and WebhookDataUpdate.
type webhookRequest struct {
	URL       string `json:"url"`
	Enabled   bool   `json:"enabled"`
	Redeliver bool   `json:"automaticRedelivery"`
	Secret    string `json:"secret"`
	Events    struct {
		Everything bool     `json:"everything"`
		Specific   []string `json:"specificEvents"`
	} `json:"authorizedEvents"`
}

// subscribed are the events that can change what a look-up shows. Late money is
// told as a received payment; InvoiceSettled never follows.
var subscribed = []string{
	"InvoiceReceivedPayment", "InvoicePaymentSettled", "InvoiceProcessing", "InvoiceExpired", "InvoiceSettled", "InvoiceInvalid",
}

// Subscribe lets the store call an URL of the shop, signed with the first of
// Config.WebhookSecrets: it makes the webhook, or sets the one of that URL
// right. Repeating it is safe. It needs the right to modify webhooks, which a
// shop can do without: a webhook can be made by hand.
func (w *Wallet) Subscribe(ctx context.Context, url string) error {
	const op = "subscribe"
	secrets := w.secrets().webhooks
	if len(secrets) == 0 {
		return refused(op, payments.ErrInvalid, errors.New("Config.WebhookSecrets: required"))
	}
	if url == "" {
		return refused(op, payments.ErrInvalid, errors.New("URL: required"))
	}
	body, err := w.get(ctx, w.of("/webhooks"))
	if err != nil {
		return failed(op, err, payments.NotApplied)
	}
	var list []struct {
		ID  string `json:"id"`
		URL string `json:"url"`
	}
	if json.Unmarshal(body, &list) != nil {
		return refused(op, payments.ErrUnavailable, errors.New("BTCPay's webhooks: not a list"))
	}
	r := webhookRequest{URL: url, Enabled: true, Redeliver: true, Secret: secrets[0]}
	r.Events.Specific = subscribed
	method, path := http.MethodPost, w.of("/webhooks")
	for _, hook := range list {
		if hook.URL == url && anID.MatchString(hook.ID) {
			method, path = http.MethodPut, w.of("/webhooks/"+hook.ID)
		}
	}
	if _, err := w.call(ctx, callTimeout, method, path, r); err != nil {
		return failed(op, err, payments.OutcomeUnknown)
	}
	return nil
}
