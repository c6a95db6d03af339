package nostrbot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// SessionTTL is how long a conversation's state outlives its last write.
	SessionTTL = 7 * 24 * time.Hour
	// DoneTTL is how long ids of done messages are remembered, and sent and
	// given-up parcels at least kept. A bot refuses events older than 14
	// days, so that an id outlives whatever could bring it back.
	DoneTTL = 16 * 24 * time.Hour
)

// Errors of a [Store], to be tested with [errors.Is].
var (
	// ErrConflict says that the conversation moved on since it was loaded:
	// nothing was written. Load again and decide anew.
	ErrConflict = errors.New("conversation changed since it was loaded")
	// ErrDone says that one of the batch's ids was committed before: nothing
	// was written. The message was handled; drop this run.
	ErrDone = errors.New("message is already done")
	// ErrStoreClosed says that the store was used after it was closed.
	ErrStoreClosed = errors.New("store is closed")
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
//
// A Store has no clock of its own: what is old is measured against the time
// that the caller passes. An age of exactly [SessionTTL] or [DoneTTL] is too
// old. What is too old is removed in the course of later commits, a few rows at
// a time; for customers who never come back a Store may leave that to its
// database.
//
// No byte slice is shared with the caller, in either direction. Empty slices
// come back nil. Times come back in UTC, whole to the millisecond at least.
// Ids may hold any bytes. When a ctx is over before the call, nothing is read
// or written and the error wraps ctx.Err().
type Store interface {
	// Load reads a customer's conversation as it is at now. One that is not
	// there, or whose state was not written for SessionTTL, has no state; its
	// Rev is what it was (0 when there never was one), so that a revision is
	// never used twice. Done tells which of ids were committed in the last
	// DoneTTL; it is read no earlier than Rev, so that it misses no message
	// that State knows of.
	Load(ctx context.Context, customer PubKey, now time.Time, ids ...string) (Conversation, error)
	// Commit writes the batch or nothing. It is durable when it returns nil,
	// as far as the Store is durable at all. ErrDone goes before ErrConflict.
	// After any other error, ctx's included, the batch was written whole or
	// not at all. A batch with done ids may then be tried again as it is:
	// ErrDone says that the first try went through.
	Commit(ctx context.Context, b Batch) error
	Outbox
	Runs
}

// Runs is the part of a [Store] that finds the customer of a run (a customer's
// walk through a flow) by its key, and knows when runs want to be woken. A run
// is forgotten SessionTTL after it was last put, as its conversation's state
// is: then Run and Due do not know it any more.
type Runs interface {
	// Run looks a run up; ok is false when there is none (any more).
	Run(ctx context.Context, now time.Time, key string) (r Run, ok bool, err error)
	// Due returns runs whose WakeAt is set and not after now, earliest first
	// and those of the same time by key, at most limit of them. A limit below
	// one is an error.
	Due(ctx context.Context, now time.Time, limit int) ([]Run, error)
}

// Run is a customer's walk through a flow, as a [Store] knows it.
type Run struct {
	// Key is the run's: 1 to 40 of [a-z0-9-], unique over all customers.
	Key string
	// Customer is whose run it is; the same as [Batch].Customer.
	Customer PubKey
	// WakeAt is when it wants to be woken; zero is never.
	WakeAt time.Time
}

// Claimer is what a [Store] that several processes share may be, beside: it
// hands out the right to work for a customer, so that not all of them run the
// handler for the same message. It saves work and side effects; what keeps the
// outcome right is the revision that Commit checks, since a process may be
// paused for longer than any lease.
//
// A [Bot] whose Store is a Claimer claims a customer before it handles their
// messages or sends to them, for [Config].Lease, and prolongs the claim while a
// handler runs, however long that takes. The other processes, which get the same
// messages from the relays, wait without holding anybody up, and see from the
// ledger that the message was handled. When a process dies, or stands still for
// longer than its lease, another takes over, handles what was not committed and
// sends what was not sent. If the first then wakes in the midst of a handler, the
// handler runs to its end beside the other's, or after it; whoever commits
// first is heard, and the other's state and replies are dropped. So what a
// handler does outside of the Store must bear being done twice, as after a
// crash: that is what [Message].Key is for.
type Claimer interface {
	// Claim takes or prolongs the right for holder, until lease has passed by
	// the Store's clock. It returns zero when holder has it now, else how
	// long the other's lease still lasts at most, which is more than zero.
	// An empty holder and a lease below a millisecond are errors.
	Claim(ctx context.Context, customer PubKey, holder string, lease time.Duration) (wait time.Duration, err error)
	// Release gives it back, if holder has it.
	Release(ctx context.Context, customer PubKey, holder string) error
}

// Outbox is the part of a [Store] from which replies leave. Parcels of one
// customer keep the order of their commits.
type Outbox interface {
	// Pending returns customers that have parcels neither sent nor given up,
	// in the order of the keys' bytes, at most limit of them, beginning after
	// the given key; the zero key begins at the start. A limit below one is
	// an error, here and in Parcels.
	Pending(ctx context.Context, after PubKey, limit int) ([]PubKey, error)
	// Parcels returns the customer's parcels that are neither sent nor given
	// up, oldest first, at most limit of them.
	Parcels(ctx context.Context, customer PubKey, limit int) ([]Parcel, error)
	// Update stores a parcel's Event, State, Attempts, DueAt and Receipts; To
	// and ID say which, the other fields are not looked at. A parcel that is
	// sent or given up loses its Rumor: what was said is kept no longer than
	// it takes to say it. A parcel that is
	// not there, or is no longer pending, is left alone, and that is no
	// error: somebody else was faster. Sent and given-up parcels are kept
	// for DoneTTL after the commit that brought them, pending ones for ever.
	Update(ctx context.Context, p Parcel) error
	// ParcelsFor returns the parcels that are For the message id, whatever
	// their state, oldest first; none for the empty id. It is how the delivery
	// of an answer is asked about.
	ParcelsFor(ctx context.Context, customer PubKey, id string) ([]Parcel, error)
}

// Conversation is what is kept about a customer between two messages.
type Conversation struct {
	// Rev grows by one with each Commit that writes State; 0 is "never
	// written".
	Rev int64
	// State is the bot's, JSON; nil when there is none.
	State []byte
	// Done are those of the ids asked for that were handled before, in the
	// order asked.
	Done []string
}

// Batch is one commit.
type Batch struct {
	// Customer is whom the batch is about; the zero key is refused.
	Customer PubKey
	// Rev is the revision that State was made from, or AnyRev.
	Rev int64
	// State replaces the conversation's, nil clears it; ignored with AnyRev.
	State []byte
	// Done are the ids of the messages that this batch answers.
	Done []string
	// Parcels are the sealed replies, in order. Commit sets their State to
	// pending, their CreatedAt to Now, and their For to the first of Done, ""
	// without one. A parcel whose ID the outbox has
	// already is skipped and the older one stays as it is: for the customer's
	// client the two are one message.
	Parcels []Parcel
	// Runs are put: inserted, or replaced by their key.
	Runs []Run
	// Ended are the keys of runs to be removed, before Runs are put. One that
	// is not there, or is another customer's, is left alone.
	Ended []string
	// Now is the time of the commit. A clock that is days ahead makes the
	// Store forget too early.
	Now time.Time
}

// For is what the batch's parcels are for: its first done id, "" without one.
func (b Batch) For() string {
	if len(b.Done) == 0 {
		return ""
	}
	return b.Done[0]
}

// Validate tells what is wrong with a batch that no Store can take. Every
// Store calls it first.
func (b Batch) Validate() error {
	switch {
	case b.Customer.IsZero():
		return errors.New("batch has no customer")
	case b.Rev < AnyRev:
		return fmt.Errorf("batch has revision %d: use the one from Load, or AnyRev", b.Rev)
	case b.Now.IsZero():
		return errors.New("batch has no time: set Now")
	}
	if slices.Contains(b.Done, "") {
		return errors.New("batch has a done id that is empty")
	}
	for i, p := range b.Parcels {
		if p.To != b.Customer {
			return fmt.Errorf("parcel %d is not to the batch's customer", i)
		}
		if p.State != "" && p.State != ParcelPending {
			return fmt.Errorf("parcel %d is new and cannot be %q", i, p.State)
		}
		p.State = ParcelPending
		if err := p.Validate(); err != nil {
			return fmt.Errorf("parcel %d: %w", i, err)
		}
	}
	for i, r := range b.Runs {
		if r.Customer != b.Customer {
			return fmt.Errorf("run %d is not the batch's customer's", i)
		}
		if err := CheckRunKey(r.Key); err != nil {
			return fmt.Errorf("run %d: %w", i, err)
		}
	}
	return nil
}

// CheckRunKey tells what is wrong with the key of a run.
func CheckRunKey(key string) error {
	ok := len(key) >= 1 && len(key) <= 40
	for _, c := range []byte(key) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		return errors.New("the key of a run is 1 to 40 of [a-z0-9-]")
	}
	return nil
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
	// last resort for where to publish. URLs, valid UTF-8.
	Relays []string
	// State is where it stands.
	State ParcelState
	// Attempts counts rounds of publishing; DueAt is when the next may be.
	Attempts int
	DueAt    time.Time
	// Receipts are the relays that accepted it.
	Receipts []Receipt
	// CreatedAt is the time of the commit.
	CreatedAt time.Time
	// For is the done message that brought it, as Commit sets it: what
	// [Outbox].ParcelsFor asks by.
	For string
}

// Validate tells what is wrong with a parcel that no [Outbox] can take.
// Every Outbox calls it first.
func (p Parcel) Validate() error {
	switch {
	case p.To.IsZero():
		return errors.New("parcel is to nobody")
	case p.ID == "":
		return errors.New("parcel has no id")
	case p.Attempts < 0:
		return fmt.Errorf("parcel has %d attempts", p.Attempts)
	}
	switch p.State {
	case ParcelPending, ParcelSent, ParcelGivenUp:
		return nil
	}
	return fmt.Errorf("parcel has the unknown state %q", p.State)
}

// Receipt is one relay's acceptance of a parcel.
type Receipt struct {
	Relay string    `json:"relay"`
	At    time.Time `json:"at"`
}
