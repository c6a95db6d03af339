package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks our files in SQLite's header: "dmsh".
const applicationID = 0x646d7368

// migrations lead from an empty file to the present schema. PRAGMA
// user_version counts how many of them a file has seen; what was released is
// never edited, only added to.
//
// Times are microseconds since 1970, in UTC. Ids and names are blobs, since
// they may be any bytes and compare as such.
var migrations = []string{`
CREATE TABLE conversation (
	customer   BLOB    PRIMARY KEY CHECK (length(customer) = 32),
	rev        INTEGER NOT NULL CHECK (rev > 0),
	state      BLOB,
	written_at INTEGER NOT NULL
) STRICT;
-- finds the sessions to forget
CREATE INDEX conversation_age ON conversation (written_at) WHERE state IS NOT NULL;

CREATE TABLE done (
	customer BLOB    NOT NULL,
	id       BLOB    NOT NULL,
	at       INTEGER NOT NULL,
	PRIMARY KEY (customer, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX done_age ON done (at);

CREATE TABLE parcel (
	seq        INTEGER PRIMARY KEY, -- the order of the commits
	customer   BLOB    NOT NULL CHECK (length(customer) = 32),
	id         BLOB    NOT NULL,
	via        TEXT    NOT NULL,
	event      BLOB,
	rumor      BLOB,
	relays     TEXT, -- JSON, an array of strings
	state      TEXT    NOT NULL CHECK (state IN ('pending', 'sent', 'given-up')),
	attempts   INTEGER NOT NULL,
	due_at     INTEGER NOT NULL,
	receipts   TEXT, -- JSON, an array of {"relay", "at"}
	created_at INTEGER NOT NULL,
	UNIQUE (customer, id)
) STRICT;
CREATE INDEX parcel_pending ON parcel (customer, seq) WHERE state = 'pending';
CREATE INDEX parcel_age ON parcel (created_at) WHERE state <> 'pending';

CREATE TABLE kv (
	name  BLOB    PRIMARY KEY,
	rev   INTEGER NOT NULL CHECK (rev > 0),
	value BLOB    NOT NULL
) STRICT;
`, `
CREATE TABLE run (
	key      TEXT    PRIMARY KEY,
	customer BLOB    NOT NULL CHECK (length(customer) = 32),
	wake_at  INTEGER, -- NULL is never
	put_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX run_wake ON run (wake_at, key) WHERE wake_at IS NOT NULL;
CREATE INDEX run_age ON run (put_at);

-- the done message that brought it; NULL when none did
ALTER TABLE parcel ADD COLUMN brought_by BLOB;
CREATE INDEX parcel_brought ON parcel (customer, brought_by, seq) WHERE brought_by IS NOT NULL;
`}

// identify refuses a file that is not ours to touch, and returns how many
// migrations it has seen.
func identify(ctx context.Context, conn *sql.Conn, known int) (version int, err error) {
	var app, objects int
	row := conn.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`)
	if err := row.Scan(&app, &version, &objects); err != nil {
		return 0, err
	}
	switch {
	case app == 0 && version == 0 && objects == 0:
		return 0, nil // new, or a crash cut its creation short
	case app != applicationID:
		return 0, errors.New("this SQLite file belongs to another program: choose another path")
	case version > known:
		return 0, fmt.Errorf("the file has schema version %d and this program knows %d: use a newer version of the program", version, known)
	}
	return version, nil
}

// migrate brings the file up to date in one transaction. Two processes may do
// it at once: the second finds nothing left to do.
func migrate(ctx context.Context, conn *sql.Conn, migrations []string, patience time.Duration) (err error) {
	if _, err := identify(ctx, conn, len(migrations)); err != nil {
		return err
	}
	if err := enterWAL(ctx, conn, patience); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, rollback := conn.ExecContext(ctx, "ROLLBACK")
			err = errors.Join(err, rollback)
		}
	}()
	version, err := identify(ctx, conn, len(migrations))
	if err != nil {
		return err
	}
	for i, m := range migrations[version:] {
		if _, err := conn.ExecContext(ctx, m); err != nil {
			return fmt.Errorf("migrate to schema version %d: %w", version+i+1, err)
		}
	}
	if version < len(migrations) {
		marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(migrations))
		if _, err := conn.ExecContext(ctx, marks); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// enterWAL makes the file a WAL one, which it then stays. While two processes
// do so at once SQLite may say busy without waiting, so we wait.
func enterWAL(ctx context.Context, conn *sql.Conn, patience time.Duration) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var mode string
		err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		switch {
		case err == nil && mode != "wal":
			return fmt.Errorf("SQLite offers journal mode %q in place of WAL: is this a local disk?", mode)
		case err == nil, code(err) != sqlite3.SQLITE_BUSY, time.Now().After(deadline):
			return err
		}
	}
}

// code is SQLite's primary result code of an error, or 0.
func code(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// explain says what SQLite's codes mean for whoever runs the bot.
func explain(err error) error {
	switch code(err) {
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("another process keeps the file locked: %w", err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk is full: %w", err)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("SQLite cannot open the file: check its permissions, and the length of the path: %w", err)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("the file, its directory, or the -wal or -shm beside it is not writable: %w", err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the file is no SQLite database: choose another path: %w", err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged: restore a backup: %w", err)
	}
	return err
}
