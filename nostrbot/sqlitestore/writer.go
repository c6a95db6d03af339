package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

const (
	// groupMax bounds how many writes share a transaction, and with it how
	// long the first of them waits for the last.
	groupMax = 128
	// groupEnough is when a transaction waits for no more of them.
	groupEnough = 32
	// company is how long a write waits for others, when others came with the
	// one before: under load a transaction costs the less for each, the more
	// share it.
	company = 6 * time.Millisecond
	// noHurry is how long a write waits for others that nobody's answer
	// depends on.
	noHurry = 5 * time.Millisecond
)

// writer is the one goroutine of a Store that writes. Its life: wait until
// something queued is due, take SQLite's write lock, take what is queued by then,
// write it, commit, tell everybody. Since the lock comes first, nothing is
// taken from the queue that has long to wait, and what is still in the queue
// can be withdrawn.
type writer struct {
	db   *sql.DB
	conn *sql.Conn
	w    writes
	done chan struct{} // closed when the goroutine has ended

	changed chan struct{} // holds one token when wait should look again
	noHurry time.Duration // the constant, but for tests

	mu     sync.Mutex
	queue  []*job
	busy   bool // writes in a hurry came together
	closed bool
}

// job is one write, all or nothing.
type job struct {
	write func(*writes) error
	hurry bool
	due   time.Time // when it waits for others no longer
	err   error
	done  chan struct{} // closed when err is final
}

func newWriter(dsn string, patience time.Duration) (*writer, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	w := &writer{db: db, done: make(chan struct{}), changed: make(chan struct{}, 1), noHurry: noHurry}
	ctx := context.Background()
	if w.conn, err = db.Conn(ctx); err == nil {
		if err = migrate(ctx, w.conn, migrations, patience); err == nil {
			err = w.w.prepare(ctx, w.conn)
		}
	}
	if err != nil {
		return nil, errors.Join(err, w.release())
	}
	return w, nil
}

func (w *writer) start() { go w.run() }

// stop refuses new writes and returns when those in the queue are done.
func (w *writer) stop() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.poke()
	<-w.done
}

// release closes the connection; the goroutine must have ended.
func (w *writer) release() error {
	errs := []error{w.w.close()}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	return errors.Join(append(errs, w.db.Close())...)
}

// do queues a write and waits for its result. An error of ctx means that
// nothing was written.
func (w *writer) do(ctx context.Context, write func(*writes) error) error {
	return w.await(ctx, &job{write: write, hurry: true})
}

// doLater is do for a write that may as well go with the next one.
func (w *writer) doLater(ctx context.Context, write func(*writes) error) error {
	return w.await(ctx, &job{write: write})
}

func (w *writer) await(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.done, j.due = make(chan struct{}), time.Now()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nostrbot.ErrStoreClosed
	}
	switch {
	case !j.hurry:
		j.due = j.due.Add(w.noHurry)
	case w.busy:
		j.due = j.due.Add(company)
	}
	w.queue = append(w.queue, j)
	n := len(w.queue)
	w.mu.Unlock()
	if n == 1 || n == groupEnough || j.hurry {
		w.poke()
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
	}
	if w.withdraw(j) {
		return ctx.Err()
	}
	<-j.done
	return j.err
}

// withdraw takes a job out of the queue, if it is still there.
func (w *writer) withdraw(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, j)
	if i < 0 {
		return false
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return true
}

// take empties the queue, up to a group.
func (w *writer) take() []*job {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), groupMax)
	jobs := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	hurried := 0
	for _, j := range jobs {
		if j.hurry {
			hurried++
		}
	}
	w.busy = hurried > 1
	return jobs
}

// poke makes wait look again.
func (w *writer) poke() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// wait returns true when there is something to write, false when there is
// nothing and never will be.
func (w *writer) wait() bool {
	for {
		left, queued, closed := w.look()
		switch {
		case queued == 0 && closed:
			return false
		case queued > 0 && (closed || queued >= groupEnough || left <= 0):
			return true
		}
		var alarm <-chan time.Time
		if queued > 0 {
			alarm = time.After(left)
		}
		select {
		case <-w.changed:
		case <-alarm:
		}
	}
}

// look tells how long it is until the first of the queued is due.
func (w *writer) look() (left time.Duration, queued int, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	left = w.noHurry
	now := time.Now()
	for _, j := range w.queue {
		left = min(left, j.due.Sub(now))
	}
	return left, len(w.queue), w.closed
}

func (w *writer) run() {
	defer close(w.done)
	for w.wait() {
		err := w.step(w.w.lock)
		jobs := w.take()
		if err == nil {
			err = w.group(jobs, false)
		}
		if errors.Is(err, errRefused) {
			w.rollback()
			if err = w.step(w.w.lock); err == nil {
				err = w.group(jobs, true)
			}
		}
		if err != nil {
			w.rollback()
		}
		for _, j := range jobs {
			if err != nil {
				j.err = explain(err)
			}
			close(j.done)
		}
	}
}

// errRefused says that the jobs must be told apart.
var errRefused = errors.New("a job was refused")

// group writes the jobs and commits the transaction. A savepoint for each would
// cost as much as the writing, and hardly ever is one refused; so they are
// written without, and once more, apart, when one is. Any other error is
// everybody's: then nothing counts, nor do the verdicts on single jobs, which
// were made in view of the others.
func (w *writer) group(jobs []*job, apart bool) error {
	w.w.trash.reset()
	for _, j := range jobs {
		if apart {
			if err := w.write(j); err != nil {
				return err
			}
		} else if err := j.write(&w.w); err != nil {
			return errRefused
		}
	}
	if err := w.w.forget(); err != nil {
		return fmt.Errorf("remove what is too old: %w", err)
	}
	if err := w.step(w.w.commit); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.w.trash.turn()
	return nil
}

// write does one job so that, refused, it leaves nothing behind.
func (w *writer) write(j *job) error {
	if err := w.exec("SAVEPOINT job"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if j.err = j.write(&w.w); j.err != nil {
		if err := w.exec("ROLLBACK TO job"); err != nil {
			if code(j.err) != 0 { // SQLite gave up the transaction over it
				return j.err
			}
			return fmt.Errorf("roll back: %w", err)
		}
	}
	if err := w.exec("RELEASE job"); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// rollback fails where no transaction is open (any more), and no harm.
func (w *writer) rollback() { _ = w.exec("ROLLBACK") }

// step runs a statement that changes no rows.
func (w *writer) step(s *sql.Stmt) error {
	_, err := s.ExecContext(context.Background())
	return err
}

// exec has no ctx: what is under way is seen through.
func (w *writer) exec(statement string) error {
	_, err := w.conn.ExecContext(context.Background(), statement)
	return err
}
