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
	err = s.read(ctx, "load", func() error {
		var written int64
		err := s.q.conversation.QueryRowContext(ctx, customer[:]).Scan(&c.Rev, &c.State, &written)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if written <= now.Add(-nostrbot.SessionTTL).UnixMicro() {
			c.State = nil
		}
		// Read after the revision: a commit between the two makes Done know
		// more than State does, never less, and the revision too old.
		for _, id := range ids {
			var one int
			err := s.q.done.QueryRowContext(ctx, customer[:], []byte(id), now.Add(-nostrbot.DoneTTL).UnixMicro()).Scan(&one)
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
		if b.Rev != nostrbot.AnyRev {
			var n int64
			var err error
			if b.Rev == 0 {
				n, err = changes(w.begin, customer, b.State, now)
			} else {
				n, err = changes(w.move, b.State, now, customer, b.Rev)
			}
			if err != nil {
				return err
			}
			if n == 0 {
				return nostrbot.ErrConflict
			}
		}
		for _, row := range parcels {
			if _, err := changes(w.add, row...); err != nil {
				return err
			}
		}
		for _, key := range b.Ended {
			if _, err := changes(w.endRun, key, customer); err != nil {
				return err
			}
		}
		for _, r := range b.Runs {
			var wake any
			if !r.WakeAt.IsZero() {
				wake = r.WakeAt.UnixMicro()
			}
			if _, err := changes(w.putRun, r.Key, customer, wake, now); err != nil {
				return err
			}
		}
		w.trash.grow(b.Now, len(ids)+len(parcels)+len(b.Runs))
		return nil
	})
}

// removals is how much each commit removes of each kind, beside twice what it
// adds: a bounded portion, and in the end all of it.
const removals = 16

// trash says what a transaction shall remove before it commits.
type trash struct {
	now   time.Time
	limit int
}

func (t *trash) grow(now time.Time, added int) {
	if now.After(t.now) {
		t.now = now
	}
	t.limit += removals + 2*added
}

// forget removes a portion of what is too old.
func (w *writes) forget() error {
	if w.trash.limit == 0 {
		return nil
	}
	for _, f := range []struct {
		statement *sql.Stmt
		ttl       time.Duration
	}{
		{w.forgetSessions, nostrbot.SessionTTL},
		{w.forgetDone, nostrbot.DoneTTL},
		{w.forgetParcels, nostrbot.DoneTTL},
		{w.forgetRuns, nostrbot.SessionTTL},
	} {
		if _, err := changes(f.statement, w.trash.now.Add(-f.ttl).UnixMicro(), w.trash.limit); err != nil {
			return err
		}
	}
	return nil
}
