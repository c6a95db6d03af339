package payments

import "context"

// KV is a small durable store of named values with optimistic locking, on
// built-in types only, so that any adapter fits without importing this
// package. Implementations are safe for concurrent use, also by several
// processes where they share storage. The suite paymentstest.TestKV is the
// contract in full; [NewMemoryKV] is the one for tests and demos.
//
// A name is any non-empty UTF-8 text without NUL; names differ when their
// bytes differ. A value is any bytes. Neither is ever changed on the way:
// callers and store do not share memory.
//
// An error of Put says nothing of whether the value was written. Get it and
// compare.
type KV interface {
	// Get reads a value and its revision. A name that is not there is nil,
	// revision 0, no error.
	Get(ctx context.Context, name string) (value []byte, rev int64, err error)
	// Put writes value if the name is still at rev (0: not there yet). It is
	// durable when Put returns true; false means that somebody else was
	// first, and that nothing was written. Revisions begin at 1, grow by one
	// with each Put and are never used twice.
	Put(ctx context.Context, name string, value []byte, rev int64) (ok bool, err error)
	// List returns the names that begin with prefix, sorted by their bytes;
	// the empty prefix lists all. It may miss names put while it runs.
	List(ctx context.Context, prefix string) (names []string, err error)
}
