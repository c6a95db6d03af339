package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// Load implements nostrbot.Store.
func (s *Store) Load(ctx context.Context, customer nostrbot.PubKey, now time.Time, ids ...string) (c nostrbot.Conversation, err error) {
	err = s.read(ctx, "load", func(ctx context.Context) error {
		// The first id, mostly the only one, is looked up by the same
		// statement, the others after the revision: a commit between the two
		// makes Done know more than State does, never less, and the revision
		// too old.
		var first []byte
		if len(ids) > 0 {
			first = []byte(ids[0])
		}
		forgotten := now.Add(-nostrbot.DoneTTL).UnixMicro()
		var written int64
		var done bool
		left := ids
		err := s.q.conversation.QueryRowContext(ctx, customer[:], first, forgotten).Scan(&c.Rev, &c.State, &written, &done)
		switch {
		case err == nil:
			left = ids[min(1, len(ids)):]
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if written <= now.Add(-nostrbot.SessionTTL).UnixMicro() {
			c.State = nil
		}
		if done {
			c.Done = append(c.Done, ids[0])
		}
		for _, id := range left {
			err := s.q.done.QueryRowContext(ctx, customer[:], []byte(id), forgotten).Scan(&done)
			switch {
			case err == nil:
				c.Done = append(c.Done, id)
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nostrbot.Conversation{}, err
	}
	return c, nil
}

// Commit implements nostrbot.Store. An error of ctx means that nothing was
// written.
func (s *Store) Commit(ctx context.Context, b nostrbot.Batch) error {
	err := b.Validate()
	if err == nil {
		err = s.commit(ctx, b)
	}
	if err != nil {
		return fmt.Errorf("sqlitestore: commit: %w", err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, b nostrbot.Batch) error {
	// All that can be done outside the transaction is.
	var parcels [][]any
	for _, p := range b.Parcels {
		p.State, p.CreatedAt, p.For = nostrbot.ParcelPending, b.Now, b.For()
		row, err := parcelRow(p)
		if err != nil {
			return err
		}
		parcels = append(parcels, row)
	}
	ids := slices.Compact(slices.Sorted(slices.Values(b.Done)))
	customer, now := b.Customer[:], b.Now.UnixMicro()

	return s.writer.do(ctx, func(w *writes) error {
		for _, id := range ids {
			n, err := changes(w.done, customer, []byte(id), now, b.Now.Add(-nostrbot.DoneTTL).UnixMicro())
			if err != nil {
				return err
			}
			if n == 0 {
				return nostrbot.ErrDone
			}
		}
		if err := w.writeState(b, now); err != nil {
			return err
		}
		for _, row := range parcels {
			if _, err := changes(w.add, row...); err != nil {
				return err
			}
		}
		if err := w.writeRuns(b, now); err != nil {
			return err
		}
		w.trash.grow(b.Now, len(ids)+len(parcels)+len(b.Runs))
		return nil
	})
}

// writeState moves the conversation on, if it is still at the batch's revision.
func (w *writes) writeState(b nostrbot.Batch, now int64) error {
	var n int64
	var err error
	switch b.Rev {
	case nostrbot.AnyRev:
		return nil
	case 0:
		n, err = changes(w.begin, b.Customer[:], b.State, now)
	default:
		n, err = changes(w.move, b.State, now, b.Customer[:], b.Rev)
	}
	if err == nil && n == 0 {
		return nostrbot.ErrConflict
	}
	return err
}

func (w *writes) writeRuns(b nostrbot.Batch, now int64) error {
	for _, key := range b.Ended {
		if _, err := changes(w.endRun, key, b.Customer[:]); err != nil {
			return err
		}
	}
	for _, r := range b.Runs {
		var wake any
		if !r.WakeAt.IsZero() {
			wake = r.WakeAt.UnixMicro()
		}
		if _, err := changes(w.putRun, r.Key, b.Customer[:], wake, now); err != nil {
			return err
		}
	}
	return nil
}

// removals is how much each commit removes, beside twice what it adds: a
// bounded portion, and in the end all of it.
const removals = 8

// trash says what a transaction shall remove before it commits. Looking for
// what is too old costs even where there is none, so each transaction looks for
// one kind only, and makes up for those that looked elsewhere.
type trash struct {
	kind  int
	now   time.Time
	added int   // by this transaction
	due   []int // by kind: how much may be removed of it
}

// reset begins a transaction, or begins it again.
func (t *trash) reset() { t.now, t.added = time.Time{}, 0 }

func (t *trash) grow(now time.Time, added int) {
	if now.After(t.now) {
		t.now = now
	}
	t.added += removals + 2*added
}

// turn ends a transaction that was committed.
func (t *trash) turn() {
	for i := range t.due {
		t.due[i] += t.added
	}
	if t.added > 0 {
		t.due[t.kind] = 0
		t.kind = (t.kind + 1) % len(t.due)
	}
}

// forget removes a portion of what is too old.
func (w *writes) forget() error {
	kinds := []struct {
		statement *sql.Stmt
		ttl       time.Duration
	}{
		{w.forgetSessions, nostrbot.SessionTTL},
		{w.forgetDone, nostrbot.DoneTTL},
		{w.forgetParcels, nostrbot.DoneTTL},
		{w.forgetRuns, nostrbot.SessionTTL},
	}
	t := &w.trash
	if t.due == nil {
		t.due = make([]int, len(kinds))
	}
	if t.added == 0 {
		return nil
	}
	k := kinds[t.kind]
	_, err := changes(k.statement, t.now.Add(-k.ttl).UnixMicro(), t.due[t.kind]+t.added)
	return err
}
