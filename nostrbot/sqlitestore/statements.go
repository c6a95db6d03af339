package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
)

// preparer is a [sql.DB] or a [sql.Conn].
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// prepareAll fills in statements; those made before an error are closed by
// the owner, which closes all that are not nil.
func prepareAll(ctx context.Context, on preparer, statements map[**sql.Stmt]string) error {
	for s, text := range statements {
		var err error
		if *s, err = on.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

func closeAll(statements ...*sql.Stmt) error {
	var errs []error
	for _, s := range statements {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

const parcelColumns = `id, via, event, rumor, relays, state, attempts, due_at, receipts, created_at, brought_by`

// A bound LIMIT is written "? + 0": the planner would look at the value of a
// plain "?", and therefore prepare the statement again at each use.

// queries are the statements that read.
type queries struct {
	conversation, done, pending, parcels, parcelsFor, value, names, run, due *sql.Stmt
}

func (q *queries) prepare(ctx context.Context, on preparer) error {
	return prepareAll(ctx, on, map[**sql.Stmt]string{
		&q.conversation: `SELECT rev, state, written_at,
				EXISTS (SELECT 1 FROM done WHERE customer = ?1 AND id = ?2 AND at > ?3)
			FROM conversation WHERE customer = ?1`,
		&q.done: `SELECT 1 FROM done WHERE customer = ? AND id = ? AND at > ?`,
		&q.pending: `SELECT DISTINCT customer FROM parcel
			WHERE state = 'pending' AND customer > ? ORDER BY customer LIMIT ? + 0`,
		&q.parcels: `SELECT ` + parcelColumns + ` FROM parcel
			WHERE state = 'pending' AND customer = ? ORDER BY seq LIMIT ? + 0`,
		&q.parcelsFor: `SELECT ` + parcelColumns + ` FROM parcel
			WHERE customer = ? AND brought_by = ? ORDER BY seq`,
		&q.run: `SELECT customer, wake_at FROM run WHERE key = ? AND put_at > ?`,
		&q.due: `SELECT key, customer, wake_at FROM run
			WHERE wake_at <= ? AND put_at > ? ORDER BY wake_at, key LIMIT ? + 0`,
		&q.value: `SELECT value, rev FROM kv WHERE name = ?`,
		&q.names: `SELECT name FROM kv WHERE name >= ?1 AND (?2 IS NULL OR name < ?2) ORDER BY name`,
	})
}

func (q *queries) close() error {
	return closeAll(q.conversation, q.done, q.pending, q.parcels, q.parcelsFor, q.value, q.names, q.run, q.due)
}

// writes are the statements that write. They belong to the writer's goroutine.
type writes struct {
	lock, commit                                *sql.Stmt
	begin, move, done, add, update, create, put *sql.Stmt
	forgetSessions, forgetDone, forgetParcels   *sql.Stmt
	putRun, endRun, forgetRuns                  *sql.Stmt

	trash trash
}

func (w *writes) prepare(ctx context.Context, on preparer) error {
	return prepareAll(ctx, on, map[**sql.Stmt]string{
		&w.lock:   `BEGIN IMMEDIATE`,
		&w.commit: `COMMIT`,
		&w.begin: `INSERT INTO conversation (customer, rev, state, written_at) VALUES (?, 1, ?, ?)
			ON CONFLICT DO NOTHING`,
		&w.move: `UPDATE conversation SET rev = rev + 1, state = ?, written_at = ? WHERE customer = ? AND rev = ?`,
		&w.done: `INSERT INTO done (customer, id, at) VALUES (?1, ?2, ?3)
			ON CONFLICT DO UPDATE SET at = ?3 WHERE at <= ?4`,
		&w.add: `INSERT INTO parcel (customer, ` + parcelColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`,
		&w.putRun: `INSERT INTO run (key, customer, wake_at, put_at) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET customer = ?2, wake_at = ?3, put_at = ?4`,
		&w.endRun:     `DELETE FROM run WHERE key = ? AND customer = ?`,
		&w.forgetRuns: `DELETE FROM run WHERE key IN (SELECT key FROM run WHERE put_at <= ? LIMIT ? + 0)`,
		&w.update: `UPDATE parcel SET event = ?1, state = ?2, rumor = CASE ?2 WHEN 'pending' THEN rumor END,
				attempts = ?3, due_at = ?4, receipts = ?5
			WHERE customer = ?6 AND id = ?7 AND state = 'pending'`,
		&w.create: `INSERT INTO kv (name, rev, value) VALUES (?, 1, coalesce(?, x'')) ON CONFLICT DO NOTHING`,
		&w.put:    `UPDATE kv SET rev = rev + 1, value = coalesce(?, x'') WHERE name = ? AND rev = ?`,

		&w.forgetSessions: `UPDATE conversation SET state = NULL WHERE rowid IN (
			SELECT rowid FROM conversation WHERE state IS NOT NULL AND written_at <= ? ORDER BY written_at LIMIT ? + 0)`,
		&w.forgetDone: `DELETE FROM done WHERE (customer, id) IN (
			SELECT customer, id FROM done WHERE at <= ? ORDER BY at LIMIT ? + 0)`,
		&w.forgetParcels: `DELETE FROM parcel WHERE seq IN (
			SELECT seq FROM parcel WHERE state <> 'pending' AND created_at <= ? ORDER BY created_at LIMIT ? + 0)`,
	})
}

func (w *writes) close() error {
	return closeAll(w.lock, w.commit, w.begin, w.move, w.done, w.add, w.update, w.create, w.put,
		w.forgetSessions, w.forgetDone, w.forgetParcels, w.putRun, w.endRun, w.forgetRuns)
}

// changes runs a statement and returns how many rows it changed.
func changes(s *sql.Stmt, args ...any) (int64, error) {
	r, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
