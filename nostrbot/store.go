package nostrbot

import (
	"context"
	"errors"
	"time"
)

// Errors of [Store.Commit].
var (
	// ErrConflict says that the conversation moved on since it was loaded:
	// nothing was written. Load again and decide anew.
	ErrConflict = errors.New("conversation changed since it was loaded")
	// ErrDone says that one of the batch's ids was committed before: nothing
	// was written. The message was handled; drop this run.
	ErrDone = errors.New("message is already done")
)

// AnyRev in [Batch].Rev leaves the conversation's state and revision as they
// are and only adds the parcels and the done ids.
const AnyRev int64 = -1

// Store keeps conversations, the ledger of handled messages, and the outbox.
// All three change in one Commit, or not at all: that is what makes a crash at
// any point harmless. Customers are independent; nothing in a Store crosses
// from one to another. The suite in package storetest is the contract in full.
//
// Implementations are safe for concurrent use, also by several bots on one
// store: the revision fences off whoever was late.
type Store interface {
	// Load reads a customer's conversation. One that is not there, or was
	// not written for 7 days, is the zero Conversation: no state, Rev as it
	// was (0 when there never was one). Done tells which of ids were
	// committed in the last 16 days.
	Load(ctx context.Context, customer PubKey, ids ...string) (Conversation, error)
	// Commit writes the batch or nothing. It is durable when it returns nil.
	// ErrDone goes before ErrConflict.
	Commit(ctx context.Context, b Batch) error
	Outbox
}

// Outbox is the part of a [Store] from which replies leave. Parcels of one
// customer keep the order of their commits.
type Outbox interface {
	// Pending returns customers that have parcels neither sent nor given up,
	// in the order of the keys, at most limit of them, beginning after the
	// given key; the zero key begins at the start.
	Pending(ctx context.Context, after PubKey, limit int) ([]PubKey, error)
	// Parcels returns the customer's parcels that are neither sent nor given
	// up, oldest first, at most limit of them.
	Parcels(ctx context.Context, customer PubKey, limit int) ([]Parcel, error)
	// Update stores a parcel's Event, State, Attempts, DueAt and Receipts.
	// A parcel that is not there, or is no longer pending, is left alone, and
	// that is no error: somebody else was faster. Sent and given-up parcels
	// are kept 16 days.
	Update(ctx context.Context, p Parcel) error
	// Parcel looks one up by its id, whatever its state; ok is false when it
	// is not there (any more).
	Parcel(ctx context.Context, customer PubKey, id string) (p Parcel, ok bool, err error)
}

// Conversation is what is kept about a customer between two messages.
type Conversation struct {
	// Rev grows with each Commit that changes State; 0 is "never written".
	Rev int64
	// State is the bot's, JSON; nil when there is none.
	State []byte
	// Done are those of the ids asked for that were handled before.
	Done []string
}

// Batch is one commit.
type Batch struct {
	Customer PubKey
	// Rev is the revision that State was made from, or AnyRev.
	Rev int64
	// State replaces the conversation's; ignored with AnyRev.
	State []byte
	// Done are the ids of the messages that this batch answers.
	Done []string
	// Parcels are the sealed replies, in order.
	Parcels []Parcel
	// Now is the time of the commit: a Store has no clock of its own.
	Now time.Time
}

// ParcelState says where a parcel stands.
type ParcelState string

const (
	// ParcelPending waits for a relay's OK.
	ParcelPending ParcelState = "pending"
	// ParcelSent was accepted by a relay that the customer reads.
	ParcelSent ParcelState = "sent"
	// ParcelGivenUp was refused for good by every relay, or grew too old.
	ParcelGivenUp ParcelState = "given-up"
)

// Parcel is a sealed reply on its way. Event's bytes are made before the
// commit, so that what is published again after a crash is the same event.
type Parcel struct {
	// ID is the message's id as the customer's client sees it. Unique per
	// customer.
	ID string
	// To is the customer; the same as [Batch].Customer.
	To PubKey
	// Via is the protocol it is sealed for.
	Via Protocol
	// Event is the signed event, JSON. Rumor is the message inside, from
	// which a new wrap can be made; nil where there is none to be made.
	Event, Rumor []byte
	// Relays are where the customer's own message came from: the hint of
	// last resort for where to publish.
	Relays []string
	State  ParcelState
	// Attempts counts rounds of publishing; DueAt is when the next may be.
	Attempts int
	DueAt    time.Time
	// Receipts are the relays that accepted it.
	Receipts []Receipt
	// CreatedAt is the time of the commit.
	CreatedAt time.Time
}

// Receipt is one relay's acceptance of a parcel.
type Receipt struct {
	Relay string    `json:"relay"`
	At    time.Time `json:"at"`
}
