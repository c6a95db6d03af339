package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/payments"
)

// Every record is written once and never changes.

func walletName(name string) string      { return "sandbox/wallet/" + name }
func invoiceName(h payments.Hash) string { return "sandbox/invoice/" + h.String() }
func paymentName(position int) string    { return fmt.Sprintf("sandbox/payment/%012d", position) }

type walletRecord struct {
	Key     secret        `json:"key"`
	Opening payments.Msat `json:"opening_msat"`
}

type invoiceRecord struct {
	Wallet    string        `json:"wallet"` // who is paid
	Key       string        `json:"key"`    // the Charge's
	Amount    payments.Msat `json:"amount_msat"`
	Bolt11    string        `json:"bolt11"`
	Preimage  secret        `json:"preimage,omitzero"` // none in a hold invoice
	ExpiresAt time.Time     `json:"expires_at"`
	// For is how long a hold invoice can be held; zero in others.
	For time.Duration `json:"for_ns,omitzero"`
	// Hold marks a key as taken by the hold invoice of that hash: such a
	// record stands where the key's ordinary invoice would.
	Hold payments.Hash `json:"hold,omitzero"`
}

// paymentRecord is one entry of the journal. The last one of a hash is what
// became of its payment.
type paymentRecord struct {
	Act    act           `json:"act,omitempty"`
	Hash   payments.Hash `json:"hash"`
	From   string        `json:"from"`
	To     string        `json:"to"`
	Amount payments.Msat `json:"amount_msat"`
	PaidAt time.Time     `json:"paid_at"` // when this entry was made
	// Until is when a held payment goes back.
	Until time.Time `json:"until,omitzero"`
	// Preimage is of a hold that was settled.
	Preimage secret `json:"preimage,omitzero"`
}

type act string

const (
	paid      act = "" // of an ordinary invoice, at once
	held      act = "held"
	settled   act = "settled"   // after held
	cancelled act = "cancelled" // after held, or of nothing paid
)

// secret is kept in the clear, in hex.
type secret [32]byte

func (s secret) MarshalText() ([]byte, error)     { return payments.Hash(s).MarshalText() }
func (s *secret) UnmarshalText(text []byte) error { return (*payments.Hash)(s).UnmarshalText(text) }

type records struct{ kv payments.KV }

// read decodes a record into what record points to; found is false when there
// is none.
func (r records) read(ctx context.Context, name string, record any) (found bool, err error) {
	value, rev, err := r.kv.Get(ctx, name)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	if rev == 0 {
		return false, nil
	}
	if json.Unmarshal(value, record) != nil {
		// Without the cause: it may quote the value.
		return false, fmt.Errorf("read %s: the record is damaged", name)
	}
	return true, nil
}

// create writes a record; made is false when there is one by that name.
func (r records) create(ctx context.Context, name string, record any) (made bool, err error) {
	value, err := json.Marshal(record)
	if err != nil {
		return false, fmt.Errorf("encode %s: %w", name, err)
	}
	if made, err = r.kv.Put(ctx, name, value, 0); err != nil {
		return false, fmt.Errorf("write %s: %w", name, err)
	}
	return made, nil
}
