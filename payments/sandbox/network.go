package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

const (
	// DefaultExpiry is the life of an invoice whose Charge names none, where
	// Options do not say otherwise.
	DefaultExpiry = time.Hour
	// MaxExpiry is the longest life of an invoice.
	MaxExpiry = 365 * 24 * time.Hour
	// DefaultOpening is what a wallet begins with, where Options do not say
	// otherwise.
	DefaultOpening = 1_000_000 * payments.Sat
	// MaxOpening is the most that one wallet may begin with, small enough for
	// the money of thousands of wallets to add up to a Msat.
	MaxOpening = 10_000 * payments.BTC
)

// Options of a [Network]. The zero value is ready to use.
type Options struct {
	// Expiry is the life of an invoice whose Charge names none; zero means
	// [DefaultExpiry].
	Expiry time.Duration
	// Opening is what each new wallet begins with; zero means
	// [DefaultOpening]. Openings overrules it by the wallet's name, and there
	// zero means nothing. A wallet keeps what it began with, whatever the
	// options say later.
	Opening  payments.Msat
	Openings map[string]payments.Msat
	// WebhookSecrets sign webhooks: the first one when sending, any of them
	// when verifying. None means that webhooks are neither sent nor taken.
	WebhookSecrets []string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Network is a pretend Lightning network, kept in one KV. It is safe for
// concurrent use and runs nothing of its own: there is nothing to close.
type Network struct {
	options Options
	records records
	journal *journal
}

// New opens the network in kv; an empty KV is a new one. All names that it uses
// there begin with "sandbox/". Options that cannot be are reported by
// [Network.Wallet].
func New(kv payments.KV, o Options) *Network {
	if o.Expiry == 0 {
		o.Expiry = DefaultExpiry
	}
	if o.Opening == 0 {
		o.Opening = DefaultOpening
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Openings, o.WebhookSecrets = maps.Clone(o.Openings), slices.Clone(o.WebhookSecrets)
	r := records{kv}
	return &Network{options: o, records: r, journal: newJournal(r, o.Now)}
}

// Wallet opens the wallet of that name, at most 64 of [A-Za-z0-9_.-]. At first
// use it is made, with a key of its own and its opening balance. Calling again
// after an error is safe: a name never gets a second key. Wallets of one name
// are one wallet.
func (n *Network) Wallet(ctx context.Context, name string) (*Wallet, error) {
	const op = "open wallet"
	// A name has the form of a Charge's Key.
	if (payments.Charge{Key: name, Amount: 1}).Validate() != nil {
		return nil, refused(op, payments.ErrInvalid, errors.New("name: want 1 to 64 of [A-Za-z0-9_.-]"))
	}
	opening, named := n.options.Openings[name]
	if !named {
		opening = n.options.Opening
	}
	if opening < 0 || opening > MaxOpening {
		return nil, refused(op, payments.ErrInvalid, fmt.Errorf("opening balance: want 0 to %v, got %v", MaxOpening, opening))
	}
	if e := n.options.Expiry; e < 0 || e > MaxExpiry {
		return nil, refused(op, payments.ErrInvalid, fmt.Errorf("default expiry: want at most %v, got %v", MaxExpiry, e))
	}

	var record walletRecord
	found, err := n.records.read(ctx, walletName(name), &record)
	if err != nil {
		return nil, refused(op, payments.ErrUnavailable, err)
	}
	if !found {
		if record, err = n.makeWallet(ctx, name, opening); err != nil {
			return nil, unknown(op, err)
		}
	}
	key := bolt11.Key(record.Key)
	payee, err := key.Payee()
	if err != nil {
		return nil, refused(op, payments.ErrUnavailable, err)
	}
	return &Wallet{network: n, name: name, key: &key, payee: payee, opening: record.Opening}, nil
}

// makeWallet makes a wallet, or reads the one of whoever was first.
func (n *Network) makeWallet(ctx context.Context, name string, opening payments.Msat) (walletRecord, error) {
	key, err := bolt11.NewKey()
	if err != nil {
		return walletRecord{}, err
	}
	record := walletRecord{Key: secret(key), Opening: opening}
	made, err := n.records.create(ctx, walletName(name), record)
	if err == nil && !made {
		_, err = n.records.read(ctx, walletName(name), &record)
	}
	return record, err
}

// refused is an error of a call that changed nothing.
func refused(op string, kind, cause error) error {
	return &payments.Error{Provider: "sandbox", Op: op, Kind: kind, Outcome: payments.NotApplied, Err: cause}
}

// unknown is an error of a call that may have changed the network.
func unknown(op string, cause error) error {
	return &payments.Error{Provider: "sandbox", Op: op, Kind: payments.ErrUnavailable, Outcome: payments.OutcomeUnknown, Err: cause}
}
