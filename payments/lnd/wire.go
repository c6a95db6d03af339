package lnd

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/dmshop/dmshop/payments"
)

// number is an int64 of lnd's REST interface: a string of digits.
type number int64

func (n *number) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return errors.New("a number that is not a string")
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return errors.New("a string that is not a number")
	}
	*n = number(v)
	return nil
}

func (n number) MarshalJSON() ([]byte, error) {
	return []byte(strconv.Quote(strconv.FormatInt(int64(n), 10))), nil
}

// rpcStatus is an error as grpc-gateway writes it. Code is a pointer, to tell
// lnd's errors from the JSON of something in between.
type rpcStatus struct {
	Code    *int   `json:"code"`
	Message string `json:"message"`
}

// readReplyError reads the answer to a call that failed: {"code","message"},
// or from a stream {"error":{"code","message"}}.
func readReplyError(status int, body []byte) error {
	var e struct {
		rpcStatus
		Error json.RawMessage
	}
	if json.Unmarshal(body, &e) != nil {
		return statusError(status)
	}
	if e.Code == nil && json.Unmarshal(e.Error, &e.rpcStatus) != nil || e.Code == nil || *e.Code == 0 {
		return statusError(status)
	}
	return &replyError{*e.Code, e.Message}
}

// readMessage reads one message of a stream.
func readMessage(line []byte) (json.RawMessage, error) {
	var m struct {
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return nil, &lostError{sent: true, err: errors.New("a message that is not JSON")}
	}
	if len(m.Error) > 0 {
		return nil, readReplyError(http.StatusOK, line)
	}
	if len(m.Result) == 0 {
		return nil, &lostError{sent: true, err: errors.New("a message without a result")}
	}
	return m.Result, nil
}

// invoiceMessage is lnrpc.Invoice.
type invoiceMessage struct {
	Hash           []byte        `json:"r_hash"`
	Preimage       []byte        `json:"r_preimage"`
	Memo           string        `json:"memo"`
	PaymentRequest string        `json:"payment_request"`
	State          string        `json:"state"`
	Value          number        `json:"value_msat"`
	Paid           number        `json:"amt_paid_msat"`
	CreatedAt      number        `json:"creation_date"`
	SettledAt      number        `json:"settle_date"`
	Expiry         number        `json:"expiry"`
	SettleIndex    number        `json:"settle_index"`
	HTLCs          []htlcMessage `json:"htlcs"`
}

type htlcMessage struct {
	State        string `json:"state"`
	AcceptTime   number `json:"accept_time"`
	AcceptHeight int32  `json:"accept_height"`
	ExpiryHeight int32  `json:"expiry_height"`
}

// readInvoice reads lnrpc.Invoice in its present state.
func readInvoice(text []byte, now time.Time) (payments.Invoice, invoiceMessage, error) {
	var m invoiceMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return payments.Invoice{}, m, fmt.Errorf("lnd's invoice: %w", err)
	}
	if len(m.Hash) != len(payments.Hash{}) {
		return payments.Invoice{}, m, fmt.Errorf("lnd's invoice: a payment hash of %d bytes", len(m.Hash))
	}
	// Bounded, so that times and sums stay meaningful.
	const maxSeconds = 1 << 38
	for _, n := range []number{m.CreatedAt, m.Expiry, m.SettledAt} {
		if n < 0 || n > maxSeconds {
			return payments.Invoice{}, m, errors.New("lnd's invoice: a time out of bounds")
		}
	}
	if m.Value < 0 || m.Paid < 0 {
		return payments.Invoice{}, m, errors.New("lnd's invoice: a negative amount")
	}
	inv := payments.Invoice{
		Hash:      payments.Hash(m.Hash),
		Bolt11:    m.PaymentRequest,
		Amount:    payments.Msat(m.Value),
		ExpiresAt: time.Unix(int64(m.CreatedAt+m.Expiry), 0).UTC(),
	}
	inv.ID = inv.Hash.String()
	switch m.State {
	case "OPEN":
		// Past its expiry lnd cancels it; until then it can be paid.
		inv.Status = payments.Open
	case "ACCEPTED":
		inv.Status = payments.Held
		inv.Received = payments.Msat(m.Paid)
		inv.Deadline = m.deadline()
	case "SETTLED":
		inv.Status = payments.Settled
		inv.Received = payments.Msat(m.Paid)
		inv.SettledAt = time.Unix(int64(m.SettledAt), 0).UTC()
		inv.Late = m.paidAt("SETTLED").After(inv.ExpiresAt)
	case "CANCELED":
		// lnd does not say why: by its clock, when nothing ever came.
		inv.Status = payments.Invalid
		if len(m.HTLCs) == 0 && !now.Before(inv.ExpiresAt) {
			inv.Status = payments.Expired
		}
	default:
		return payments.Invoice{}, m, errors.New("lnd's invoice: an unknown state")
	}
	return inv, m, nil
}

// paidAt is when the last part of the payment came.
func (m invoiceMessage) paidAt(state string) time.Time {
	var at number
	for _, h := range m.HTLCs {
		if h.State == state {
			at = max(at, h.AcceptTime)
		}
	}
	return time.Unix(int64(at), 0).UTC()
}

const (
	// holdExpiryDelta is how many blocks before its end lnd gives a held
	// payment back (lncfg.DefaultHoldInvoiceExpiryDelta).
	holdExpiryDelta = 12
	// fastBlock is half the time that a block takes in the mean.
	fastBlock = 5 * time.Minute
)

// deadline is when lnd gives the first part back, if blocks came twice as fast
// as they should. It needs no clock and no height: it stays the same from one
// look-up to the next.
func (m invoiceMessage) deadline() time.Time {
	var first time.Time
	for _, h := range m.HTLCs {
		if h.State != "ACCEPTED" {
			continue
		}
		blocks := max(0, int64(h.ExpiryHeight)-int64(h.AcceptHeight)-holdExpiryDelta)
		end := time.Unix(int64(h.AcceptTime), 0).UTC().Add(time.Duration(blocks) * fastBlock)
		if first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first
}

// paymentMessage is lnrpc.Payment.
type paymentMessage struct {
	Hash     string `json:"payment_hash"`
	Preimage string `json:"payment_preimage"`
	Status   string `json:"status"`
	Reason   string `json:"failure_reason"`
	Fee      number `json:"fee_msat"`
}

// readPayment reads lnrpc.Payment of the hash that was asked for. A success
// must prove itself.
func readPayment(text []byte, want payments.Hash) (p payments.Payment, reason string, err error) {
	var m paymentMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return payments.Payment{}, "", fmt.Errorf("lnd's payment: %w", err)
	}
	if h, err := payments.ParseHash(m.Hash); err != nil || h != want {
		return payments.Payment{}, "", errors.New("lnd's payment: it is of another hash")
	}
	if m.Fee < 0 {
		return payments.Payment{}, "", errors.New("lnd's payment: a negative fee")
	}
	p.Hash = want
	switch m.Status {
	case "INITIATED", "IN_FLIGHT":
		p.State = payments.PayPending
	case "FAILED":
		p.State = payments.PayFailed
	case "SUCCEEDED":
		raw, err := hex.DecodeString(m.Preimage)
		if err != nil || len(raw) != len(p.Preimage) || payments.Preimage(raw).Hash() != want {
			return payments.Payment{}, "", errors.New("lnd's payment: it succeeded, and its preimage is not of this hash")
		}
		p.State, p.Preimage, p.Fee = payments.PaySucceeded, payments.Preimage(raw), payments.Msat(m.Fee)
	default:
		return payments.Payment{}, "", errors.New("lnd's payment: an unknown status")
	}
	return p, m.Reason, nil
}
