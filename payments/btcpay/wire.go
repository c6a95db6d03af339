package btcpay

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

const (
	currency = "BTC"
	// lightning and legacyLightning name the store's Lightning node since 2.0
	// and before. As a request's payment method every version takes the old
	// name; answers have the one of their version.
	lightning       = "BTC-LN"
	legacyLightning = "BTC-LightningNetwork"
)

// isLightning knows all names that BTCPay had for payments by BOLT 11.
func isLightning(method string) bool {
	switch strings.ToUpper(strings.ReplaceAll(method, "_", "-")) {
	case "BTC-LN", "BTC-LIGHTNINGNETWORK", "BTC-LIGHTNINGLIKE", "BTC-OFFCHAIN":
		return true
	}
	return false
}

// amount is bitcoin as BTCPay writes it: a decimal number, mostly as a string.
type amount payments.Msat

func (a *amount) UnmarshalJSON(text []byte) error {
	s := string(text)
	if strings.HasPrefix(s, `"`) {
		if err := json.Unmarshal(text, &s); err != nil {
			return errors.New("an amount that cannot be read")
		}
	}
	m, err := payments.ParseBTC(s)
	if err != nil {
		return err
	}
	*a = amount(m)
	return nil
}

// unix is a time in seconds.
type unix int64

// maxUnix bounds times, so that sums stay meaningful.
const maxUnix = 1 << 38

func (u *unix) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	if err != nil || n < 0 || n > maxUnix {
		return errors.New("a time that cannot be read")
	}
	*u = unix(n)
	return nil
}

func (u unix) time() time.Time { return time.Unix(int64(u), 0).UTC() }

// invoiceMessage is InvoiceData. Fields that foreign invoices fill otherwise
// are read only when the invoice is ours.
type invoiceMessage struct {
	ID               string          `json:"id"`
	StoreID          string          `json:"storeId"`
	Amount           json.RawMessage `json:"amount"`
	Currency         string          `json:"currency"`
	Status           string          `json:"status"`
	AdditionalStatus string          `json:"additionalStatus"`
	Created          unix            `json:"createdTime"`
	Expires          unix            `json:"expirationTime"`
	Metadata         json.RawMessage `json:"metadata"`
}

// metadata is what we give an invoice.
type metadata struct {
	// OrderID is the Charge's Key: indexed by BTCPay, and not unique.
	OrderID string `json:"orderId"`
	Memo    string `json:"itemDesc,omitempty"`
	// Attempt marks an invoice as ours. It tells apart what was made under
	// one Key, and sorts by time.
	Attempt string `json:"dmshop"`
}

// ours is the invoice's metadata, if we made it.
func (m invoiceMessage) ours() (metadata, bool) {
	var d metadata
	err := json.Unmarshal(m.Metadata, &d)
	return d, err == nil && d.OrderID != "" && d.Attempt != ""
}

// methodMessage is InvoicePaymentMethodDataModel.
type methodMessage struct {
	Destination string           `json:"destination"`
	Activated   *bool            `json:"activated"`
	Payments    []paymentMessage `json:"payments"`
}

type paymentMessage struct {
	Received unix   `json:"receivedDate"`
	Value    amount `json:"value"`
	Status   string `json:"status"`
}

// readMethods reads an invoice's payment methods and returns the Lightning one;
// asleep tells that it was not activated.
func readMethods(text []byte) (ln methodMessage, asleep bool, err error) {
	var all []json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return methodMessage{}, false, errors.New("BTCPay's payment methods: not a list")
	}
	for _, one := range all {
		var name struct {
			PaymentMethodID string `json:"paymentMethodId"`
			PaymentMethod   string `json:"paymentMethod"` // before 2.0
		}
		if json.Unmarshal(one, &name) != nil || !isLightning(name.PaymentMethodID) && !isLightning(name.PaymentMethod) {
			continue
		}
		if err := json.Unmarshal(one, &ln); err != nil {
			return methodMessage{}, false, fmt.Errorf("BTCPay's payment method: %w", err)
		}
		return ln, ln.Activated != nil && !*ln.Activated, nil
	}
	return methodMessage{}, false, nil
}

// readInvoice puts an invoice together from two answers. The one about the
// methods came later.
func readInvoice(m invoiceMessage, ln methodMessage, network bolt11.Network) (payments.Invoice, error) {
	fail := func(what string) (payments.Invoice, error) {
		return payments.Invoice{}, errors.New("BTCPay's invoice: " + what)
	}
	d, _ := m.ours()
	var asked amount
	switch {
	case !anID.MatchString(m.ID):
		return fail("no id")
	case m.Currency != currency:
		return fail("not in bitcoin")
	case json.Unmarshal(m.Amount, &asked) != nil || asked <= 0:
		return fail("an amount that cannot be read")
	}
	inv := payments.Invoice{ID: m.ID, Key: d.OrderID, Amount: payments.Msat(asked), ExpiresAt: m.Expires.time()}
	if text := ln.Destination; text != "" {
		read, err := bolt11.Decode(text, network)
		if err != nil {
			return payments.Invoice{}, fmt.Errorf("BTCPay's invoice: %w", err)
		}
		// The node's clock and BTCPay's differ by up to a second: what can be
		// paid is the BOLT 11 invoice.
		inv.Bolt11, inv.Hash, inv.ExpiresAt = text, read.Hash, read.ExpiresAt
	}
	var last unix
	for _, p := range ln.Payments {
		if p.Status == "Invalid" {
			continue
		}
		if inv.Received += payments.Msat(p.Value); inv.Received < 0 {
			return fail("payments that cannot be added")
		}
		last = max(last, p.Received)
	}
	inv.Late = inv.Received > 0 && (last > m.Expires || m.AdditionalStatus == "PaidLate")
	return withStatus(inv, m, last)
}

// withStatus translates BTCPay's pair of states.
func withStatus(inv payments.Invoice, m invoiceMessage, paid unix) (payments.Invoice, error) {
	switch m.Status {
	case "New":
		inv.Status = payments.Open
		switch {
		case inv.Received >= inv.Amount: // it came between the two answers: the next look-up tells
			inv.Received, inv.Late = 0, false
		case inv.Received > 0:
			inv.Status = payments.Partial
		}
	case "Processing":
		inv.Status = payments.Processing
	case "Settled":
		inv.Status = payments.Settled
		inv.Manual = m.AdditionalStatus == "Marked"
	case "Expired":
		inv.Status = payments.Expired
		if inv.Received >= inv.Amount {
			// BTCPay leaves it Expired for ever (PaidLate); the money is here.
			inv.Status, inv.Late = payments.Settled, true
		}
	case "Invalid":
		inv.Status = payments.Invalid
	default:
		return payments.Invoice{}, errors.New("BTCPay's invoice: an unknown status")
	}
	if inv.Status == payments.Settled && paid > 0 {
		inv.SettledAt = paid.time()
	}
	return inv, nil
}
