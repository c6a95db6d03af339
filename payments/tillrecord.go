package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What a till keeps, each name behind the till's own prefix:
//
//	charge/KEY        the record
//	day/20260102/KEY  that the record is live since that day; no value
//	id/ID             the key of the invoice with that ID
//	cursor            where to resume watching
//	floor             the first day with live records
//
// A record is indexed before it is written, and an invoice's ID before the
// invoice is shown: a crash between two writes leaves a name that leads
// nowhere, never an invoice that nobody looks up.

const recordVersion = 1

// tillRecord is all that is known of one charge.
type tillRecord struct {
	Version int       `json:"v"`
	Key     string    `json:"key"`
	Amount  Msat      `json:"amount_msat"`
	Hash    Hash      `json:"hash,omitzero"` // of a hold
	Day     string    `json:"day"`
	MadeAt  time.Time `json:"made_at"`
	// Claim says who is creating the invoice, or telling a change.
	Claim claim `json:"claim,omitzero"`
	// Invoice is as last seen; nil means that it was to be created.
	Invoice *Invoice `json:"invoice,omitempty"`
	// Others are invoices of the key that nobody was shown.
	Others []Invoice `json:"others,omitempty"`
	// Last is what the newest change says of Invoice, Came the money that any
	// said had come for good, Unpaid whether any said Unpaid, Count how many
	// there were.
	Last   fact `json:"last,omitzero"`
	Came   Msat `json:"came_msat,omitzero"`
	Unpaid bool `json:"unpaid,omitzero"`
	Count  int  `json:"count,omitzero"`
	// Changes are to be told, oldest first.
	Changes []Change `json:"changes,omitempty"`
	// Closed is set when nothing is expected any more. Only a notice opens it
	// again.
	Closed bool `json:"closed,omitzero"`
}

type claim struct {
	Owner string    `json:"owner"`
	Until time.Time `json:"until"`
}

// heldByOther tells whether somebody other than owner holds the claim.
func (c claim) heldByOther(owner string, now time.Time) bool {
	return c.Owner != "" && c.Owner != owner && now.Before(c.Until)
}

const maxID = 256

func decodeRecord(raw []byte) (*tillRecord, error) {
	var r tillRecord
	if json.Unmarshal(raw, &r) != nil {
		// Without the cause: it may quote the record.
		return nil, errors.New("the record is damaged")
	}
	switch {
	case r.Version != recordVersion:
		return nil, fmt.Errorf("the record is of version %d, want %d", r.Version, recordVersion)
	case (Charge{Key: r.Key, Amount: r.Amount}).Validate() != nil, r.Count < 0, r.Count < len(r.Changes), r.Invoice != nil && checkID(r.Invoice.ID) != nil:
		return nil, errors.New("the record is damaged")
	}
	return &r, nil
}

func checkID(id string) error {
	if id == "" || len(id) > maxID || !utf8.ValidString(id) || strings.Contains(id, "\x00") {
		return fmt.Errorf("an invoice's ID: want 1 to %d bytes of text, got %d", maxID, len(id))
	}
	return nil
}

// observe enters a look-up of the invoice, and queues a change when it shows
// something new. It returns an error for an answer that cannot be: the record
// is then as it was.
func (r *tillRecord) observe(inv Invoice) error {
	switch {
	case inv.ID != r.Invoice.ID:
		return errors.New("another invoice than was asked for")
	case inv.Amount != r.Amount:
		return fmt.Errorf("it now asks %v, and was made for %v", inv.Amount, r.Amount)
	case inv.Key != "" && inv.Key != r.Key:
		return errors.New("it is of another key")
	}
	inv.Key = r.Key
	f := read(inv, r.Last, r.Unpaid)
	if f.Received < r.Came || r.Last.Event.complete() && !f.Event.complete() {
		return fmt.Errorf("%v came, %s, and now it says %v, %s", r.Came, r.Last.Event, inv.Received, inv.Status)
	}
	*r.Invoice = inv
	if f.Event != "" && f != r.Last {
		r.Last, r.Unpaid = f, r.Unpaid || f.Event == Unpaid
		if f.Event.complete() || f.Event == PaidPartial || f.Event == MarkedPaid {
			r.Came = f.Received
		}
		r.queue(f.Event, inv)
	}
	return nil
}

// observeOther enters a look-up of an invoice that nobody was shown: money that
// came to it came beside the charge.
func (r *tillRecord) observeOther(i int, inv Invoice) {
	before := r.Others[i]
	if inv.ID != before.ID || inv.Received <= before.Received || inv.Status == Held {
		return
	}
	r.Others[i] = inv
	r.queue(PaidTwice, inv)
}

func (r *tillRecord) queue(e Event, inv Invoice) {
	r.Count++
	r.Changes = append(r.Changes, Change{ID: r.Key + "." + strconv.Itoa(r.Count), Key: r.Key, Event: e, Invoice: inv})
}

// dequeue takes a change that was told away.
func (r *tillRecord) dequeue(id string) (was bool) {
	if len(r.Changes) == 0 || r.Changes[0].ID != id {
		return false
	}
	r.Changes = r.Changes[1:]
	return true
}

func (t *Till) chargeName(key string) string { return t.options.Prefix + "charge/" + key }
func (t *Till) idName(id string) string      { return t.options.Prefix + "id/" + id }
func (t *Till) dayPrefix(day string) string  { return t.options.Prefix + "day/" + day + "/" }
func (t *Till) cursorName() string           { return t.options.Prefix + "cursor" }
func (t *Till) floorName() string            { return t.options.Prefix + "floor" }

const dayLayout = "20060102"

func day(at time.Time) string { return at.UTC().Format(dayLayout) }

// load reads a record; nil when there is none.
func (t *Till) load(ctx context.Context, key string) (*tillRecord, int64, error) {
	raw, rev, err := t.kv.Get(ctx, t.chargeName(key))
	if err != nil {
		return nil, 0, fmt.Errorf("read charge %s: %w", key, err)
	}
	if rev == 0 {
		return nil, 0, nil
	}
	r, err := decodeRecord(raw)
	if err == nil && r.Key != key {
		err = errors.New("the record is of another key")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read charge %s: %w", key, err)
	}
	return r, rev, nil
}

// save writes a record if it is still at rev; ok is false when somebody else
// was first.
func (t *Till) save(ctx context.Context, r *tillRecord, rev int64) (ok bool, err error) {
	raw, err := json.Marshal(r)
	if err == nil {
		ok, err = t.kv.Put(ctx, t.chargeName(r.Key), raw, rev)
	}
	if err != nil {
		return false, fmt.Errorf("write charge %s: %w", r.Key, err)
	}
	return ok, nil
}

// index makes the record findable by its day.
func (t *Till) index(ctx context.Context, day, key string) error {
	if _, err := t.kv.Put(ctx, t.dayPrefix(day)+key, nil, 0); err != nil {
		return fmt.Errorf("index charge %s: %w", key, err)
	}
	return nil
}
