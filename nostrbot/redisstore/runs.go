package redisstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/dmshop/dmshop/nostrbot"
)

// Run implements nostrbot.Runs. A key does not tell whose run it is, so all
// shards are asked, at once.
func (s *Store) Run(ctx context.Context, now time.Time, key string) (r nostrbot.Run, ok bool, err error) {
	err = s.call(ctx, "look up run", func() error {
		var answers []*redis.StringCmd
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range shards {
				answers = append(answers, p.HGet(ctx, s.keys.shards[i].runs, key))
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		for _, a := range answers {
			if errors.Is(a.Err(), redis.Nil) {
				continue
			}
			if a.Err() != nil {
				return a.Err()
			}
			found, put, err := unpackRun(key, a.Val())
			if err != nil {
				return err
			}
			if put.UnixMicro() > now.Add(-nostrbot.SessionTTL).UnixMicro() {
				r, ok = found, true
			}
		}
		return nil
	})
	if err != nil {
		return nostrbot.Run{}, false, err
	}
	return r, ok, nil
}

// Due implements nostrbot.Runs.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) (due []nostrbot.Run, err error) {
	err = s.call(ctx, "due runs", func() error {
		if limit < 1 {
			return errLimit
		}
		due, err = s.due(ctx, now, limit)
		return err
	})
	return due, err
}

func (s *Store) due(ctx context.Context, now time.Time, limit int) ([]nostrbot.Run, error) {
	ask := func(with func(*redis.Script, redis.Scripter, []string, ...any) *redis.Cmd) ([]*redis.Cmd, error) {
		var answers []*redis.Cmd
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, shard := range s.keys.shards {
				answers = append(answers, with(dueScript, p, []string{shard.wakes, shard.runs},
					micro(now), micro(now.Add(-nostrbot.SessionTTL)), limit))
			}
			return nil
		})
		return answers, err
	}
	answers, err := ask(func(script *redis.Script, c redis.Scripter, keys []string, args ...any) *redis.Cmd {
		return script.EvalSha(ctx, c, keys, args...)
	})
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		answers, err = ask(func(script *redis.Script, c redis.Scripter, keys []string, args ...any) *redis.Cmd {
			return script.Eval(ctx, c, keys, args...)
		})
	}
	if err != nil {
		return nil, err
	}
	var due []nostrbot.Run
	for _, a := range answers {
		pairs, err := a.StringSlice()
		if err != nil {
			return nil, err
		}
		for ; len(pairs) >= 2; pairs = pairs[2:] {
			r, _, err := unpackRun(pairs[0], pairs[1])
			if err != nil {
				return nil, err
			}
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b nostrbot.Run) int {
		return cmp.Or(a.WakeAt.Compare(b.WakeAt), cmp.Compare(a.Key, b.Key))
	})
	return due[:min(limit, len(due))], nil
}
