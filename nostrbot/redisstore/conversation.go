package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// margin is how much longer than an age Redis keeps what nobody touches: ages
// are measured by the caller's clock, which may differ from Redis'.
const margin = 24 * time.Hour

var (
	sessionMillis = strconv.FormatInt((nostrbot.SessionTTL + margin).Milliseconds(), 10)
	doneMillis    = strconv.FormatInt((nostrbot.DoneTTL + margin).Milliseconds(), 10)
)

// Load implements nostrbot.Store.
func (s *Store) Load(ctx context.Context, customer nostrbot.PubKey, now time.Time, ids ...string) (c nostrbot.Conversation, err error) {
	err = s.call(ctx, "load", func() error {
		shard, own := s.keys.of(customer)
		args := []any{customer[:]}
		for _, id := range ids {
			args = append(args, packID(id))
		}
		found, err := s.run(ctx, loadScript, []string{shard.revs, own("s"), own("d")}, args...).Slice()
		if err != nil {
			return err
		}
		if len(found) != 2+len(ids) {
			return errDamaged
		}
		c, err = readConversation(found, now, ids)
		return err
	})
	if err != nil {
		return nostrbot.Conversation{}, err
	}
	return c, nil
}

func readConversation(found []any, now time.Time, ids []string) (c nostrbot.Conversation, err error) {
	if rev, ok := found[0].(string); ok {
		if c.Rev, err = strconv.ParseInt(rev, 10, 64); err != nil {
			return c, fmt.Errorf("revision: %w", errDamaged)
		}
	}
	if session, ok := found[1].(string); ok {
		at, state, _ := strings.Cut(session, " ")
		written, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return c, fmt.Errorf("state: %w", errDamaged)
		}
		if written > now.Add(-nostrbot.SessionTTL).UnixMicro() {
			c.State = fromString(state)
		}
	}
	for i, id := range ids {
		score, ok := found[2+i].(string)
		if !ok {
			continue
		}
		at, err := strconv.ParseFloat(score, 64)
		if err != nil {
			return c, fmt.Errorf("done: %w", errDamaged)
		}
		if int64(at) > now.Add(-nostrbot.DoneTTL).UnixMicro() {
			c.Done = append(c.Done, id)
		}
	}
	return c, nil
}

// Commit implements nostrbot.Store. It is tried once: when the connection is
// lost on the way, the outcome is unknown, and the caller's next try finds out.
func (s *Store) Commit(ctx context.Context, b nostrbot.Batch) error {
	return s.call(ctx, "commit", func() error {
		if err := b.Validate(); err != nil {
			return err
		}
		shard, own := s.keys.of(b.Customer)
		keys := []string{
			shard.revs, own("s"), own("d"), own("p"), own("q"), own("k"),
			shard.waiting, shard.runs, shard.wakes, shard.ages,
		}
		answer, err := s.run(ctx, commitScript, keys, commitArgs(b)...).Text()
		switch {
		case err != nil:
			return err
		case answer == "done":
			return nostrbot.ErrDone
		case answer == "conflict":
			return nostrbot.ErrConflict
		}
		return nil
	})
}

// commitArgs spells a batch as the script reads it.
func commitArgs(b nostrbot.Batch) []any {
	now := micro(b.Now)
	var state, cause string
	if len(b.State) > 0 {
		state = now + " " + string(b.State)
	}
	if b.For() != "" {
		cause = packID(b.For())
	}
	ids := slices.Compact(slices.Sorted(slices.Values(b.Done)))
	args := make([]any, 0, 13+len(ids)+4*len(b.Parcels)+len(b.Ended)+3*len(b.Runs))
	args = append(args, b.Customer[:], strconv.FormatInt(b.Rev, 10), now, state, cause,
		micro(b.Now.Add(-nostrbot.SessionTTL)), micro(b.Now.Add(-nostrbot.DoneTTL)), sessionMillis, doneMillis,
		len(ids), len(b.Parcels), len(b.Ended), len(b.Runs))
	for _, id := range ids {
		args = append(args, packID(id))
	}
	for _, p := range b.Parcels {
		p.State, p.CreatedAt, p.For = nostrbot.ParcelPending, b.Now, b.For()
		args = append(args, packID(p.ID), packMoving(p), packFixed(p), p.Rumor)
	}
	for _, key := range b.Ended {
		args = append(args, key)
	}
	for _, r := range b.Runs {
		value, wake := packRun(r, b.Now)
		args = append(args, r.Key, value, wake)
	}
	return args
}
