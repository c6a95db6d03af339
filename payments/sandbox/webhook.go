package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dmshop/dmshop/payments"
)

const (
	// SignatureHeader holds "t=UNIX,v1=HEX", HEX being the HMAC-SHA256 of
	// "UNIX.BODY" under the secret; v1 may be there several times.
	SignatureHeader = "Sandbox-Signature"
	// webhookWindow is how old, or how far ahead, a signed request may be.
	webhookWindow = 5 * time.Minute
)

// webhookBody is what a webhook says.
type webhookBody struct {
	Delivery string `json:"delivery"`
	Type     string `json:"type"`
	Invoice  string `json:"invoice,omitempty"`
}

const invoiceChanged = "invoice_changed"

// Sign is the [SignatureHeader] of a webhook, for the tests of a shop.
func Sign(secret string, body []byte, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	unix := strconv.FormatInt(at.Unix(), 10)
	mac.Write([]byte(unix + "."))
	mac.Write(body)
	return "t=" + unix + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// VerifyWebhook implements payments.WebhookVerifier. Requests older than five
// minutes, or as far ahead, are refused.
func (w *Wallet) VerifyWebhook(header http.Header, body []byte, now time.Time) ([]payments.Notice, error) {
	const op = "verify webhook"
	at, signatures := readSignature(header.Get(SignatureHeader))
	unix, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return nil, refused(op, payments.ErrAuth, errors.New("no signature, or none that can be read"))
	}
	signed := append([]byte(at+"."), body...)
	good := false
	for _, s := range signatures {
		good = payments.VerifyHMAC(s, signed, w.network.options.WebhookSecrets...) || good
	}
	if !good {
		return nil, refused(op, payments.ErrAuth, errors.New("the signature is wrong"))
	}
	if age := now.Sub(time.Unix(unix, 0)); age > webhookWindow || age < -webhookWindow {
		return nil, refused(op, payments.ErrAuth, fmt.Errorf("signed more than %v away from now", webhookWindow))
	}
	var b webhookBody
	if json.Unmarshal(body, &b) != nil {
		return nil, refused(op, payments.ErrInvalid, errors.New("not the JSON of a webhook"))
	}
	if b.Type != invoiceChanged || b.Invoice == "" {
		return nil, nil
	}
	return []payments.Notice{{ID: b.Invoice, Delivery: b.Delivery}}, nil
}

func readSignature(s string) (at string, signatures []string) {
	for field := range strings.SplitSeq(s, ",") {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "t":
			at = value
		case "v1":
			signatures = append(signatures, value)
		}
	}
	return at, signatures
}

// SendWebhooks plays the wallet's server: it posts to url whatever [Wallet.Watch]
// tells from now on, until ctx ends. A request that is not answered with 2xx is
// sent again after a second, under the same delivery id, up to five times.
func (w *Wallet) SendWebhooks(ctx context.Context, client *http.Client, url string) error {
	if len(w.network.options.WebhookSecrets) == 0 {
		return refused("send webhooks", payments.ErrInvalid, errors.New("Options.WebhookSecrets: required"))
	}
	return w.Watch(ctx, "", func(ctx context.Context, n payments.Notice) error {
		for range 5 {
			if w.post(ctx, client, url, n) {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			}
		}
		return nil // given up, as wallets do: the shop polls
	})
}

func (w *Wallet) post(ctx context.Context, client *http.Client, url string, n payments.Notice) bool {
	body, err := json.Marshal(webhookBody{Delivery: n.Delivery, Type: invoiceChanged, Invoice: n.ID})
	if err != nil {
		return false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(SignatureHeader, Sign(w.network.options.WebhookSecrets[0], body, w.network.options.Now()))
	resp, err := client.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode/100 == 2
}
