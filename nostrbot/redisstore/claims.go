package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// Claim implements nostrbot.Claimer. Leases end by Redis' clock.
func (s *Store) Claim(ctx context.Context, customer nostrbot.PubKey, holder string, lease time.Duration) (wait time.Duration, err error) {
	err = s.call(ctx, "claim", func() error {
		switch {
		case customer.IsZero():
			return errors.New("claim for no customer")
		case holder == "":
			return errors.New("claim without a holder")
		case lease < time.Millisecond:
			return errors.New("the lease is below a millisecond")
		}
		_, own := s.keys.of(customer)
		ms, err := s.run(ctx, claimScript, []string{own("l")}, holder, lease.Milliseconds()).Int64()
		wait = time.Duration(ms) * time.Millisecond
		return err
	})
	return wait, err
}

// Release implements nostrbot.Claimer.
func (s *Store) Release(ctx context.Context, customer nostrbot.PubKey, holder string) error {
	return s.call(ctx, "release", func() error {
		_, own := s.keys.of(customer)
		return s.run(ctx, releaseScript, []string{own("l")}, holder).Err()
	})
}
