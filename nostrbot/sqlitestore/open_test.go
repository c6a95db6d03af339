package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

var testNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func mustOpen(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func state(customer byte, rev int64, state string) nostrbot.Batch {
	return nostrbot.Batch{Customer: nostrbot.PubKey{customer}, Rev: rev, State: []byte(state), Now: testNow}
}

// exec changes a file behind the Store's back.
func exec(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
}

func TestOpen_Mode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	s := mustOpen(t, path)
	require.NoError(t, s.Commit(t.Context(), state(1, 0, "one")))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), suffix)
	}
	require.NoError(t, s.Close())
	for _, suffix := range []string{"-wal", "-shm"} {
		require.NoFileExists(t, path+suffix, "Close brings the wal home")
	}

	require.NoError(t, os.Chmod(path, 0o640)) // the operator's choice stays
	s = mustOpen(t, path)
	require.NoError(t, s.Commit(t.Context(), state(1, 1, "two")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

func TestOpen_Path(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, name := range []string{"shop.db", "a b.db", "what?.db", "what?mode=memory", "100%.db", "%41.db", "#1.db", "ü💡.db", "a&b=c;d.db", `q"'.db`} {
		path := filepath.Join(dir, name)
		s, err := Open(path)
		require.NoError(t, err, name)
		require.NoError(t, s.Commit(t.Context(), state(byte(i+1), 0, "one")))
		require.NoError(t, s.Close())
		info, err := os.Stat(path)
		require.NoError(t, err, "the file has the name it was given")
		require.NotZero(t, info.Size(), name)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 10)
}

func TestOpen_Refuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	text := "Dear diary, " + strings.Repeat("today ", 1000)
	require.NoError(t, os.WriteFile(at("text"), []byte(text), 0o600))
	exec(t, at("other"), "CREATE TABLE pets (name TEXT)", "INSERT INTO pets VALUES ('Rex')")
	exec(t, at("marked"), "PRAGMA application_id = 77")
	exec(t, at("versioned"), "PRAGMA user_version = 1")
	require.NoError(t, os.Symlink(at("nowhere"), at("dangling")))
	require.NoError(t, os.Mkdir(at("blocked-shm"), 0o700))
	long := at(strings.Repeat("long/", 120))
	require.NoError(t, os.MkdirAll(long, 0o700))
	long = filepath.Join(long, "s.db")
	before, err := os.ReadFile(at("other"))
	require.NoError(t, err)

	for path, want := range map[string]string{
		"":                     "path of a file",
		":memory:":             "path of a file",
		"file:shop.db":         "path of a file",
		dir:                    "not a regular file",
		at("no/such/dir/s.db"): "no such file",
		at("dangling"):         "no such file",
		at("nul\x00"):          "invalid argument",
		at("text"):             "no SQLite database",
		at("blocked"):          "not writable",
		long:                   "permissions, and the length",
		at("other"):            "belongs to another program",
		at("marked"):           "belongs to another program",
		at("versioned"):        "belongs to another program",
	} {
		s, err := Open(path)
		require.ErrorContains(t, err, want, "path %q", path)
		require.Nil(t, s)
	}
	got, err := os.ReadFile(at("text"))
	require.NoError(t, err)
	require.Equal(t, text, string(got), "left as it was")
	got, err = os.ReadFile(at("other"))
	require.NoError(t, err)
	require.Equal(t, before, got, "left as it was")
	require.NoFileExists(t, at("nowhere"))
}

func TestOpen_NewerVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	require.NoError(t, mustOpen(t, path).Close())
	exec(t, path, fmt.Sprintf("PRAGMA user_version = %d", len(migrations)+1))
	_, err := Open(path)
	require.ErrorContains(t, err, "use a newer version of the program")
	exec(t, path, fmt.Sprintf("PRAGMA user_version = %d", len(migrations)))
	mustOpen(t, path)
}

func TestOpen_CutShort(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	exec(t, path, "PRAGMA journal_mode = WAL") // created, and then killed
	s := mustOpen(t, path)
	require.NoError(t, s.Commit(t.Context(), state(1, 0, "one")))
}

// What an older version wrote is brought up to date and kept; a migration that
// fails leaves the file as it was.
func TestMigrate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	s := mustOpen(t, path)
	require.NoError(t, s.Commit(t.Context(), state(1, 0, "one")))
	ctx, conn := t.Context(), s.writer.conn
	version := func() (v int) {
		t.Helper()
		require.NoError(t, conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v))
		return v
	}

	broken := append(migrations[:len(migrations):len(migrations)], "ALTER TABLE kv ADD COLUMN a TEXT; ALTER TABLE nothing ADD COLUMN b TEXT")
	require.ErrorContains(t, migrate(ctx, conn, broken, time.Second), fmt.Sprintf("schema version %d", len(broken)))
	require.Equal(t, len(migrations), version())
	require.ErrorContains(t, s.writer.exec("SELECT a FROM kv"), "no such column")

	better := append(migrations[:len(migrations):len(migrations)], "ALTER TABLE kv ADD COLUMN a TEXT")
	require.NoError(t, migrate(ctx, conn, better, time.Second))
	require.Equal(t, len(better), version())
	require.NoError(t, s.writer.exec("SELECT a FROM kv"))
	require.NoError(t, migrate(ctx, conn, better, time.Second), "nothing left to do")
	c, err := s.Load(ctx, nostrbot.PubKey{1}, testNow)
	require.NoError(t, err)
	require.Equal(t, "one", string(c.State))
}

// recorder notes what is prepared.
type recorder struct {
	preparer
	texts *[]string
}

func (r recorder) PrepareContext(ctx context.Context, text string) (*sql.Stmt, error) {
	*r.texts = append(*r.texts, text)
	return r.preparer.PrepareContext(ctx, text)
}

// No statement walks a whole table or sorts: all find their rows by an index.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, filepath.Join(t.TempDir(), "shop.db"))
	var texts []string
	var q queries
	var w writes
	require.NoError(t, q.prepare(t.Context(), recorder{s.reads, &texts}))
	require.NoError(t, w.prepare(t.Context(), recorder{s.writer.conn, &texts}))
	require.NoError(t, errors.Join(q.close(), w.close()))
	require.Len(t, texts, 24)
	for _, text := range texts {
		if text == "BEGIN IMMEDIATE" || text == "COMMIT" {
			continue
		}
		rows, err := s.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, 12)...)
		require.NoError(t, err, text)
		var steps []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
			steps = append(steps, step)
		}
		require.NoError(t, rows.Err())
		require.NotContains(t, strings.Join(steps, "\n"), "SCAN", text)
		require.NotContains(t, strings.Join(steps, "\n"), "TEMP B-TREE", text)
	}
}

func TestOpen_AtOnce(t *testing.T) {
	t.Parallel()
	for range 5 {
		path := filepath.Join(t.TempDir(), "shop.db")
		const n = 16
		errs := make([]error, n)
		ready := make(chan struct{})
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				<-ready
				s, err := Open(path)
				if err == nil {
					if err = s.Commit(t.Context(), state(byte(i+1), 0, "one")); err == nil {
						err = s.Close()
					}
				}
				errs[i] = err
			})
		}
		close(ready)
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
	}
}

// While somebody else is in the file it cannot become a WAL one; SQLite says so
// at once, and Open does not give up at once.
func TestEnterWAL_Waits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	exec(t, path, "CREATE TABLE a (b)")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	reader, err := db.Conn(t.Context())
	require.NoError(t, err)
	for _, s := range []string{"BEGIN", "SELECT * FROM a"} {
		_, err = reader.ExecContext(t.Context(), s)
		require.NoError(t, err)
	}
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)

	const patience = 30 * time.Millisecond
	began := time.Now()
	err = enterWAL(t.Context(), conn, patience)
	require.ErrorContains(t, explain(err), "another process")
	require.GreaterOrEqual(t, time.Since(began), patience)
	_, err = reader.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, errors.Join(err, reader.Close()))
	require.NoError(t, enterWAL(t.Context(), conn, patience))
	require.NoError(t, conn.Close())
}

// What is promised of the disk rests on these.
func TestPragmas(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, filepath.Join(t.TempDir(), "shop.db"))
	for pragma, want := range map[string]string{
		"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "secure_delete": "1", "busy_timeout": "10000",
	} {
		var got string
		require.NoError(t, s.writer.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	_, err := s.reads.ExecContext(t.Context(), "DELETE FROM done")
	require.ErrorContains(t, err, "readonly", "reads cannot write")
}
