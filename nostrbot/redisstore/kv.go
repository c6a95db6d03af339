package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Get implements payments.KV.
func (s *Store) Get(ctx context.Context, name string) (value []byte, rev int64, err error) {
	err = s.call(ctx, "get", func() error {
		stored, err := s.client.HGet(ctx, s.keys.values, name).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		if err != nil {
			return err
		}
		at, rest, ok := strings.Cut(stored, " ")
		if rev, err = strconv.ParseInt(at, 10, 64); err != nil || !ok {
			return errDamaged
		}
		value = []byte(rest)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return value, rev, nil
}

// Put implements payments.KV.
func (s *Store) Put(ctx context.Context, name string, value []byte, rev int64) (ok bool, err error) {
	err = s.call(ctx, "put", func() error {
		if name == "" {
			return errors.New("name is empty")
		}
		stored := append(strconv.AppendInt(nil, rev+1, 10), ' ')
		ok, err = s.run(ctx, putScript, []string{s.keys.values, s.keys.names},
			name, strconv.FormatInt(rev, 10), append(stored, value...)).Bool()
		return err
	})
	return ok && err == nil, err
}

// List implements payments.KV.
func (s *Store) List(ctx context.Context, prefix string) (names []string, err error) {
	err = s.call(ctx, "list", func() error {
		by := redis.ZRangeArgs{Key: s.keys.names, ByLex: true, Start: "[" + prefix, Stop: "+"}
		if end := after(prefix); end != "" {
			by.Stop = "(" + end
		}
		names, err = s.client.ZRangeArgs(ctx, by).Result()
		return err
	})
	return names, err
}

// after returns the first name in order that is beyond all that begin with
// prefix, or "" when there is none.
func after(prefix string) string {
	end := []byte(prefix)
	for len(end) > 0 {
		last := len(end) - 1
		if end[last] < 0xff {
			end[last]++
			return string(end)
		}
		end = end[:last]
	}
	return ""
}
