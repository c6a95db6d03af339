package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// Run implements nostrbot.Runs.
func (s *Store) Run(ctx context.Context, now time.Time, key string) (r nostrbot.Run, ok bool, err error) {
	err = s.read(ctx, "look up run", func(ctx context.Context) error {
		var customer []byte
		var wake sql.NullInt64
		err := s.q.run.QueryRowContext(ctx, key, now.Add(-nostrbot.SessionTTL).UnixMicro()).Scan(&customer, &wake)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		r, ok = nostrbot.Run{Key: key, Customer: nostrbot.PubKey(customer)}, true
		if wake.Valid {
			r.WakeAt = fromMicro(wake.Int64)
		}
		return nil
	})
	return r, ok, err
}

// Due implements nostrbot.Runs.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) (due []nostrbot.Run, err error) {
	err = s.read(ctx, "due runs", func(ctx context.Context) error {
		return rows(ctx, s.q.due, limit, func(scan func(...any) error) error {
			var r nostrbot.Run
			var customer []byte
			var wake int64
			if err := scan(&r.Key, &customer, &wake); err != nil {
				return err
			}
			r.Customer, r.WakeAt = nostrbot.PubKey(customer), fromMicro(wake)
			due = append(due, r)
			return nil
		}, now.UnixMicro(), now.Add(-nostrbot.SessionTTL).UnixMicro(), limit)
	})
	return due, err
}
