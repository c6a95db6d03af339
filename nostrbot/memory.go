package nostrbot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a [Store] in memory, for tests and for bots that may forget at
// exit. What is kept is bounded by what happened in the last [DoneTTL], save
// for a few bytes per customer.
type Memory struct {
	mu        sync.Mutex
	customers map[PubKey]*account
	waiting   map[PubKey]struct{} // have pending parcels
	runs      map[string]*keptRun
	agenda    agenda // of runs
	// What will be too old one day, in the order of the commits.
	sessions, ids, parcels, walks []aging
}

var _ Store = (*Memory)(nil)

// account is all that is kept of one customer.
type account struct {
	rev     int64
	state   []byte
	written time.Time
	done    map[string]time.Time
	parcels map[string]*Parcel
	pending []*Parcel            // of parcels, in the order of their commits
	brought map[string][]*Parcel // of parcels, by what they are For
}

// aging is an entry in a queue of what is to be removed.
type aging struct {
	customer PubKey
	id       string // of the message, the parcel or the run
	at       time.Time
}

// removals is how much one commit removes of each kind, beside twice what it
// adds: a bounded portion, and the queues drain at any load.
const removals = 16

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{customers: map[PubKey]*account{}, waiting: map[PubKey]struct{}{}, runs: map[string]*keptRun{}}
}

// Load implements [Store].
func (m *Memory) Load(ctx context.Context, customer PubKey, now time.Time, ids ...string) (Conversation, error) {
	if err := ctx.Err(); err != nil {
		return Conversation{}, fmt.Errorf("load: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.customers[customer]
	if a == nil {
		return Conversation{}, nil
	}
	now = wholeMicros(now)
	c := Conversation{Rev: a.rev}
	if now.Sub(a.written) < SessionTTL {
		c.State = cloneBytes(a.state)
	}
	for _, id := range ids {
		if a.handled(id, now) {
			c.Done = append(c.Done, id)
		}
	}
	return c, nil
}

// handled tells whether a message is done and not forgotten.
func (a *account) handled(id string, now time.Time) bool {
	at, ok := a.done[id]
	return ok && now.Sub(at) < DoneTTL
}

// Commit implements [Store]. It is as durable as the process.
func (m *Memory) Commit(ctx context.Context, b Batch) error {
	if err := b.Validate(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.customers[b.Customer]
	if a == nil {
		a = &account{done: map[string]time.Time{}, parcels: map[string]*Parcel{}, brought: map[string][]*Parcel{}}
	}
	now := wholeMicros(b.Now)
	if slices.ContainsFunc(b.Done, func(id string) bool { return a.handled(id, now) }) {
		return ErrDone
	}
	if b.Rev != AnyRev && b.Rev != a.rev {
		return ErrConflict
	}
	m.customers[b.Customer] = a
	if b.Rev != AnyRev {
		a.rev++
		a.state, a.written = cloneBytes(b.State), now
		if a.state != nil {
			m.sessions = append(m.sessions, aging{customer: b.Customer, at: now})
		}
	}
	for _, id := range b.Done {
		a.done[id] = now
		m.ids = append(m.ids, aging{b.Customer, id, now})
	}
	for _, p := range b.Parcels {
		if a.parcels[p.ID] != nil {
			continue
		}
		p = cloneParcel(p)
		p.State, p.CreatedAt, p.For = ParcelPending, now, b.For()
		a.parcels[p.ID] = &p
		if p.For != "" {
			a.brought[p.For] = append(a.brought[p.For], &p)
		}
		a.pending = append(a.pending, &p)
		m.waiting[b.Customer] = struct{}{}
		m.parcels = append(m.parcels, aging{b.Customer, p.ID, now})
	}
	for _, key := range b.Ended {
		if r := m.runs[key]; r != nil && r.Customer == b.Customer {
			m.endRun(key)
		}
	}
	for _, r := range b.Runs {
		m.putRun(r, now)
	}
	m.forget(now, removals+2*(len(b.Done)+len(b.Parcels)+len(b.Runs)))
	return nil
}

// forget removes a portion of what is too old.
func (m *Memory) forget(now time.Time, limit int) {
	m.sessions = expire(m.sessions, now.Add(-SessionTTL), limit, func(e aging) bool {
		if a := m.customers[e.customer]; a.written.Equal(e.at) {
			a.state = nil
		}
		return true
	})
	m.ids = expire(m.ids, now.Add(-DoneTTL), limit, func(e aging) bool {
		if a := m.customers[e.customer]; a.done[e.id].Equal(e.at) {
			delete(a.done, e.id)
		}
		return true
	})
	m.walks = expire(m.walks, now.Add(-SessionTTL), limit, func(e aging) bool {
		if r := m.runs[e.id]; r != nil && r.put.Equal(e.at) {
			m.endRun(e.id)
		}
		return true
	})
	m.parcels = expire(m.parcels, now.Add(-DoneTTL), limit, func(e aging) bool {
		a := m.customers[e.customer]
		p := a.parcels[e.id]
		if p.State == ParcelPending {
			return false
		}
		delete(a.parcels, e.id)
		if i := slices.Index(a.brought[p.For], p); i >= 0 {
			a.brought[p.For] = slices.Delete(a.brought[p.For], i, i+1)
		}
		if len(a.brought[p.For]) == 0 {
			delete(a.brought, p.For)
		}
		return true
	})
}

// expire hands the oldest entries to remove, up to a portion of them. What it
// cannot remove yet goes to the back of the queue.
func expire(queue []aging, before time.Time, limit int, remove func(aging) bool) []aging {
	for range min(limit, len(queue)) {
		e := queue[0]
		if e.at.After(before) {
			break
		}
		queue = queue[1:]
		if !remove(e) {
			queue = append(queue, e)
		}
	}
	return queue
}

// errLimit is what a page of less than one asks for.
var errLimit = errors.New("limit is below 1")

// Pending implements [Outbox].
func (m *Memory) Pending(ctx context.Context, after PubKey, limit int) ([]PubKey, error) {
	if err := checkPage(ctx, limit); err != nil {
		return nil, fmt.Errorf("pending: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []PubKey
	for key := range m.waiting {
		if comparePubKeys(key, after) > 0 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, comparePubKeys)
	return keys[:min(limit, len(keys))], nil
}

func comparePubKeys(a, b PubKey) int { return bytes.Compare(a[:], b[:]) }

func checkPage(ctx context.Context, limit int) error {
	if limit < 1 {
		return errLimit
	}
	return ctx.Err()
}

// Parcels implements [Outbox].
func (m *Memory) Parcels(ctx context.Context, customer PubKey, limit int) ([]Parcel, error) {
	if err := checkPage(ctx, limit); err != nil {
		return nil, fmt.Errorf("parcels: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.customers[customer]
	if a == nil {
		return nil, nil
	}
	var ps []Parcel
	for _, p := range a.pending[:min(limit, len(a.pending))] {
		ps = append(ps, cloneParcel(*p))
	}
	return ps, nil
}

// Update implements [Outbox].
func (m *Memory) Update(ctx context.Context, p Parcel) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("update parcel: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("update parcel: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.customers[p.To]
	if a == nil {
		return nil
	}
	kept := a.parcels[p.ID]
	if kept == nil || kept.State != ParcelPending {
		return nil
	}
	p = cloneParcel(p)
	kept.Event, kept.State, kept.Attempts, kept.DueAt, kept.Receipts = p.Event, p.State, p.Attempts, p.DueAt, p.Receipts
	if kept.State != ParcelPending {
		kept.Rumor = nil
		i := slices.Index(a.pending, kept)
		if a.pending = slices.Delete(a.pending, i, i+1); len(a.pending) == 0 {
			delete(m.waiting, p.To)
		}
	}
	return nil
}

// ParcelsFor implements [Outbox].
func (m *Memory) ParcelsFor(ctx context.Context, customer PubKey, id string) ([]Parcel, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("parcels for a message: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.customers[customer]
	if a == nil {
		return nil, nil
	}
	var ps []Parcel
	for _, p := range a.brought[id] {
		ps = append(ps, cloneParcel(*p))
	}
	return ps, nil
}

func cloneParcel(p Parcel) Parcel {
	p.Event, p.Rumor = cloneBytes(p.Event), cloneBytes(p.Rumor)
	p.Relays = append([]string(nil), p.Relays...)
	p.Receipts = append([]Receipt(nil), p.Receipts...)
	for i := range p.Receipts {
		p.Receipts[i].At = wholeMicros(p.Receipts[i].At)
	}
	p.DueAt = wholeMicros(p.DueAt)
	return p
}

// cloneBytes copies b; empty becomes nil.
func cloneBytes(b []byte) []byte { return append([]byte(nil), b...) }

// wholeMicros is t as any Store gives it back: in UTC, without the monotonic
// clock, and no finer than a database keeps it.
func wholeMicros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
