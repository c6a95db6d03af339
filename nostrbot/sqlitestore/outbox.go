package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

var errLimit = errors.New("limit is below 1")

// Pending implements nostrbot.Outbox.
func (s *Store) Pending(ctx context.Context, after nostrbot.PubKey, limit int) (keys []nostrbot.PubKey, err error) {
	err = s.read(ctx, "pending", func(ctx context.Context) error {
		return rows(ctx, s.q.pending, limit, func(scan func(...any) error) error {
			var key []byte
			if err := scan(&key); err != nil {
				return err
			}
			keys = append(keys, nostrbot.PubKey(key))
			return nil
		}, after[:], limit)
	})
	return keys, err
}

// Parcels implements nostrbot.Outbox.
func (s *Store) Parcels(ctx context.Context, customer nostrbot.PubKey, limit int) (parcels []nostrbot.Parcel, err error) {
	err = s.read(ctx, "parcels", func(ctx context.Context) error {
		return rows(ctx, s.q.parcels, limit, func(scan func(...any) error) error {
			p, err := scanParcel(customer, scan)
			parcels = append(parcels, p)
			return err
		}, customer[:], limit)
	})
	return parcels, err
}

// rows runs a query and hands each row to read.
func rows(ctx context.Context, q *sql.Stmt, limit int, read func(scan func(...any) error) error, args ...any) (err error) {
	if limit < 1 {
		return errLimit
	}
	rs, err := q.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rs.Close()) }()
	for rs.Next() {
		if err := read(rs.Scan); err != nil {
			return err
		}
	}
	return rs.Err()
}

// ParcelsFor implements nostrbot.Outbox.
func (s *Store) ParcelsFor(ctx context.Context, customer nostrbot.PubKey, id string) (parcels []nostrbot.Parcel, err error) {
	err = s.read(ctx, "parcels for a message", func(ctx context.Context) error {
		return rows(ctx, s.q.parcelsFor, math.MaxInt, func(scan func(...any) error) error {
			p, err := scanParcel(customer, scan)
			parcels = append(parcels, p)
			return err
		}, customer[:], []byte(id))
	})
	return parcels, err
}

// Update implements nostrbot.Outbox. It is durable when it returns nil. An
// error of ctx means that nothing was written.
func (s *Store) Update(ctx context.Context, p nostrbot.Parcel) error {
	err := p.Validate()
	if err == nil {
		err = s.update(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("sqlitestore: update parcel: %w", err)
	}
	return nil
}

func (s *Store) update(ctx context.Context, p nostrbot.Parcel) error {
	receipts, err := encodeReceipts(p.Receipts)
	if err != nil {
		return err
	}
	return s.writer.doLater(ctx, func(w *writes) error {
		_, err := changes(w.update, p.Event, string(p.State), p.Attempts, p.DueAt.UnixMicro(), receipts,
			p.To[:], []byte(p.ID))
		return err
	})
}

// parcelRow is a parcel as the arguments of [writes].add.
func parcelRow(p nostrbot.Parcel) ([]any, error) {
	var relays any
	if len(p.Relays) > 0 {
		b, err := json.Marshal(p.Relays)
		if err != nil {
			return nil, fmt.Errorf("relays: %w", err)
		}
		relays = string(b)
	}
	receipts, err := encodeReceipts(p.Receipts)
	if err != nil {
		return nil, err
	}
	var broughtBy any
	if p.For != "" {
		broughtBy = []byte(p.For)
	}
	return []any{
		p.To[:], []byte(p.ID), string(p.Via), p.Event, p.Rumor, relays,
		string(p.State), p.Attempts, p.DueAt.UnixMicro(), receipts, p.CreatedAt.UnixMicro(), broughtBy,
	}, nil
}

// scanParcel reads a row of parcelColumns.
func scanParcel(customer nostrbot.PubKey, scan func(...any) error) (nostrbot.Parcel, error) {
	p := nostrbot.Parcel{To: customer}
	var id, relays, receipts, broughtBy []byte
	var due, created int64
	err := scan(&id, &p.Via, &p.Event, &p.Rumor, &relays, &p.State, &p.Attempts, &due, &receipts, &created, &broughtBy)
	if err != nil {
		return p, err
	}
	p.ID, p.DueAt, p.CreatedAt, p.For = string(id), fromMicro(due), fromMicro(created), string(broughtBy)
	if relays != nil {
		if err := json.Unmarshal(relays, &p.Relays); err != nil {
			return p, fmt.Errorf("relays of a parcel: %w", err)
		}
	}
	p.Receipts, err = decodeReceipts(receipts)
	return p, err
}

// receipt is a nostrbot.Receipt as it is stored.
type receipt struct {
	Relay string `json:"relay"`
	At    int64  `json:"at"`
}

// encodeReceipts returns JSON, or nil for NULL.
func encodeReceipts(rs []nostrbot.Receipt) (any, error) {
	if len(rs) == 0 {
		return nil, nil
	}
	stored := make([]receipt, len(rs))
	for i, r := range rs {
		stored[i] = receipt{r.Relay, r.At.UnixMicro()}
	}
	b, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	return string(b), nil
}

func decodeReceipts(b []byte) (rs []nostrbot.Receipt, err error) {
	if b == nil {
		return nil, nil
	}
	var stored []receipt
	if err := json.Unmarshal(b, &stored); err != nil {
		return nil, fmt.Errorf("receipts of a parcel: %w", err)
	}
	for _, r := range stored {
		rs = append(rs, nostrbot.Receipt{Relay: r.Relay, At: fromMicro(r.At)})
	}
	return rs, nil
}

func fromMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }
