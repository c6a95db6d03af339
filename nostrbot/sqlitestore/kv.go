package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
)

var errName = errors.New("name is empty")

// Get implements payments.KV.
func (s *Store) Get(ctx context.Context, name string) (value []byte, rev int64, err error) {
	err = s.read(ctx, "get", func(ctx context.Context) error {
		err := s.q.value.QueryRowContext(ctx, []byte(name)).Scan(&value, &rev)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if rev > 0 && value == nil {
		value = []byte{}
	}
	return value, rev, nil
}

// Put implements payments.KV. It shares the writer and the fsync with the
// commits. An error of ctx means that nothing was written.
func (s *Store) Put(ctx context.Context, name string, value []byte, rev int64) (ok bool, err error) {
	if name == "" {
		return false, fmt.Errorf("sqlitestore: put: %w", errName)
	}
	err = s.writer.do(ctx, func(w *writes) error {
		var n int64
		var err error
		if rev == 0 {
			n, err = changes(w.create, []byte(name), value)
		} else {
			n, err = changes(w.put, value, []byte(name), rev)
		}
		ok = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("sqlitestore: put: %w", err)
	}
	return ok, nil
}

// List implements payments.KV.
func (s *Store) List(ctx context.Context, prefix string) (names []string, err error) {
	err = s.read(ctx, "list", func(ctx context.Context) error {
		return rows(ctx, s.q.names, math.MaxInt, func(scan func(...any) error) error {
			var name []byte
			if err := scan(&name); err != nil {
				return err
			}
			names = append(names, string(name))
			return nil
		}, []byte(prefix), after(prefix))
	})
	return names, err
}

// after returns the first name in order that is beyond all that begin with
// prefix, or nil when there is none: a range compares bytes, where LIKE and
// GLOB would read patterns.
func after(prefix string) []byte {
	end := []byte(prefix)
	for len(end) > 0 {
		last := len(end) - 1
		if end[last] < 0xff {
			end[last]++
			return end
		}
		end = end[:last]
	}
	return nil
}
