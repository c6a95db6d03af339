package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/dmshop/dmshop/nostrbot"
)

const (
	// patience is how long a write waits for another process's turn to end.
	patience = 10 * time.Second
	// readers is how many reads run at once.
	readers = 4
)

// checkpoint is when the wal is brought home: at 16 MB, where SQLite would at 4.
// A page that changes with every commit is then copied a quarter as often, and
// one commit in some hundreds waits for it rather than one in a hundred.
const checkpoint = "wal_autocheckpoint(4096)"

// Store is an open file. Its methods are safe for concurrent use. It
// implements nostrbot.Store and payments.KV; see the package documentation for
// what it promises.
type Store struct {
	writer *writer
	reads  *sql.DB
	q      queries

	mu     sync.RWMutex // held for reading by reads, so that Close waits for them
	closed bool
}

var _ nostrbot.Store = (*Store)(nil)

// Open opens the store in the file at path, and creates it if there is none.
// The directory must be there. The caller closes the store.
func Open(path string) (*Store, error) {
	s, err := open(path, patience)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: open %s: %w", path, err)
	}
	return s, nil
}

func open(path string, patience time.Duration) (_ *Store, err error) {
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "file:") {
		return nil, errors.New("want the path of a file (nostrbot.NewMemory keeps nothing on disk)")
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	s := &Store{}
	defer func() {
		if err != nil {
			err = errors.Join(explain(err), s.release())
		}
	}()
	if s.writer, err = newWriter(dsn(path, patience, "synchronous(full)", "foreign_keys(on)",
		"secure_delete(on)", "journal_size_limit(67108864)", checkpoint), patience); err != nil {
		return nil, err
	}
	// query_only keeps a slip in a read from becoming a second writer. The
	// cache is small, since SQLite empties it whenever somebody has written.
	if s.reads, err = sql.Open("sqlite", dsn(path, patience, "query_only(on)", "cache_size(-256)")); err != nil {
		return nil, err
	}
	s.reads.SetMaxOpenConns(readers)
	s.reads.SetMaxIdleConns(readers)
	if err := s.q.prepare(context.Background(), s.reads); err != nil {
		return nil, err
	}
	s.writer.start()
	return s, nil
}

// create makes an empty file that its owner alone can read, if there is none;
// SQLite gives the files beside it the same mode. A file that is there is not
// opened here, not even to look at it: closing it again would drop the locks
// that this process holds on it through another Store (POSIX).
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	return nil
}

// dsn spells a connection to the file at path, which must be there.
func dsn(path string, patience time.Duration, pragmas ...string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/shop.db
	}
	query := url.Values{
		"mode":    {"rw"},
		"_pragma": append(pragmas, fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds())),
	}
	// An opaque URL would leave ? and # in the path as they are; here they
	// are escaped, and SQLite reads them back.
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: query.Encode()}
	return u.String()
}

// Close waits for what is under way, writes what is waiting, and closes the
// file. Calls after it fail with nostrbot.ErrStoreClosed; a second Close does
// nothing and returns nil.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.writer.stop()
	if err := s.release(); err != nil {
		return fmt.Errorf("sqlitestore: close: %w", err)
	}
	return nil
}

// release closes what was opened. The writer goes last, since whoever is last
// brings the wal home.
func (s *Store) release() error {
	var errs []error
	if s.reads != nil {
		errs = append(errs, s.q.close(), s.reads.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.release())
	}
	return errors.Join(errs...)
}

// read runs f unless the store is closed, and keeps it open meanwhile. Once
// begun, a read is not interrupted: it takes microseconds, less than the two
// goroutines with which database/sql and the driver would watch the context.
func (s *Store) read(ctx context.Context, doing string, f func(context.Context) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	err := ctx.Err()
	switch {
	case s.closed:
		err = nostrbot.ErrStoreClosed
	case err == nil:
		err = f(context.WithoutCancel(ctx))
	}
	if err != nil {
		return fmt.Errorf("sqlitestore: %s: %w", doing, err)
	}
	return nil
}
