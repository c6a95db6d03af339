package redisstore

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/dmshop/dmshop/nostrbot"
)

var errLimit = errors.New("limit is below 1")

// Pending implements nostrbot.Outbox.
func (s *Store) Pending(ctx context.Context, after nostrbot.PubKey, limit int) (keys []nostrbot.PubKey, err error) {
	err = s.call(ctx, "pending", func() error {
		if limit < 1 {
			return errLimit
		}
		// One question to all shards that may have an answer; together their
		// answers are in order.
		first := shardOf(after)
		var pages []*redis.StringSliceCmd
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := first; i < shards; i++ {
				by := redis.ZRangeArgs{Key: s.keys.shards[i].waiting, ByLex: true, Start: "-", Stop: "+", Count: int64(limit)}
				if i == first {
					by.Start = "(" + string(after[:])
				}
				pages = append(pages, p.ZRangeArgs(ctx, by))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, page := range pages {
			for _, key := range page.Val() {
				if len(key) != len(after) {
					return errDamaged
				}
				keys = append(keys, nostrbot.PubKey([]byte(key)))
			}
		}
		keys = keys[:min(limit, len(keys))]
		return nil
	})
	return keys, err
}

// Parcels implements nostrbot.Outbox.
func (s *Store) Parcels(ctx context.Context, customer nostrbot.PubKey, limit int) (parcels []nostrbot.Parcel, err error) {
	err = s.call(ctx, "parcels", func() error {
		if limit < 1 {
			return errLimit
		}
		parcels, err = s.parcels(ctx, customer, "", limit)
		return err
	})
	return parcels, err
}

// ParcelsFor implements nostrbot.Outbox.
func (s *Store) ParcelsFor(ctx context.Context, customer nostrbot.PubKey, id string) (parcels []nostrbot.Parcel, err error) {
	err = s.call(ctx, "parcels for a message", func() error {
		if id == "" {
			return nil
		}
		parcels, err = s.parcels(ctx, customer, packID(id), 0)
		return err
	})
	return parcels, err
}

func (s *Store) parcels(ctx context.Context, customer nostrbot.PubKey, cause string, limit int) ([]nostrbot.Parcel, error) {
	_, own := s.keys.of(customer)
	found, err := s.run(ctx, parcelsScript, []string{own("p"), own("q")}, cause, limit).Slice()
	if err != nil {
		return nil, err
	}
	var parcels []nostrbot.Parcel
	for ; len(found) >= 4; found = found[4:] {
		var text [4]string
		for i := range text {
			text[i], _ = found[i].(string)
		}
		p, err := unpackParcel(customer, text[0], text[1], text[2], text[3])
		if err != nil {
			return nil, err
		}
		parcels = append(parcels, p)
	}
	return parcels, nil
}

// Update implements nostrbot.Outbox.
func (s *Store) Update(ctx context.Context, p nostrbot.Parcel) error {
	return s.call(ctx, "update parcel", func() error {
		if err := p.Validate(); err != nil {
			return err
		}
		shard, own := s.keys.of(p.To)
		return s.run(ctx, updateScript, []string{own("p"), own("q"), own("k"), shard.waiting},
			p.To[:], packID(p.ID), packMoving(p), doneMillis).Err()
	})
}
