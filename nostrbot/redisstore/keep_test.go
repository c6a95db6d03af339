package redisstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	redis9 "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/redistest"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/redisstore"
)

var (
	testNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	alice   = nostrbot.PubKey{0xa1}
)

// batch is what handling one message usually writes.
func batch(customer nostrbot.PubKey, rev int64) nostrbot.Batch {
	id := fmt.Sprintf("%064d", rev+1)
	return nostrbot.Batch{
		Customer: customer, Rev: rev, State: make([]byte, 400), Done: []string{id},
		Parcels: []nostrbot.Parcel{{
			ID: id, To: customer, Via: nostrbot.NIP17, Event: make([]byte, 1800), Rumor: make([]byte, 500),
			Relays: []string{"wss://relay.example"},
		}},
		Now: testNow,
	}
}

// send marks all that waits for a customer as sent.
func send(t *testing.T, s *redisstore.Store, customer nostrbot.PubKey) {
	t.Helper()
	parcels, err := s.Parcels(t.Context(), customer, 100)
	require.NoError(t, err)
	for _, p := range parcels {
		p.State = nostrbot.ParcelSent
		require.NoError(t, s.Update(t.Context(), p))
	}
}

// What is kept of a customer who never comes back is left to Redis: all of it
// expires, no earlier than its age and a day later at most, save the revision.
func TestExpiry(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx, redis, s := t.Context(), admin(t, server), open(t, server.URL, "bot")
	require.NoError(t, s.Commit(ctx, batch(alice, 0)))
	require.NoError(t, s.Commit(ctx, batch(alice, 1)))
	ttl := func(kind string) time.Duration {
		t.Helper()
		d, err := redis.PTTL(ctx, "{bot:a}"+kind+string(alice[:])).Result()
		require.NoError(t, err)
		return d
	}
	wantAge := func(kind string, age time.Duration) {
		t.Helper()
		require.Greater(t, ttl(kind), age+23*time.Hour, kind)
		require.LessOrEqual(t, ttl(kind), age+24*time.Hour, kind)
	}
	const never, gone = -1, -2
	wantAge("s", nostrbot.SessionTTL)
	wantAge("d", nostrbot.DoneTTL)
	require.EqualValues(t, never, ttl("p"), "what is pending is kept")
	require.EqualValues(t, never, ttl("q"))

	send(t, s, alice)
	wantAge("p", nostrbot.DoneTTL)
	wantAge("k", nostrbot.DoneTTL)
	require.EqualValues(t, gone, ttl("q"))

	require.NoError(t, s.Commit(ctx, batch(alice, 2)))
	require.EqualValues(t, never, ttl("p"))
	require.EqualValues(t, never, ttl("k"))
	send(t, s, alice)
	wantAge("p", nostrbot.DoneTTL)
	wantAge("k", nostrbot.DoneTTL)

	keys, err := redis.Keys(ctx, "*").Result()
	require.NoError(t, err)
	for _, key := range keys {
		d, err := redis.PTTL(ctx, key).Result()
		require.NoError(t, err)
		require.True(t, d > 0 || key == "bot:version" || key == "{bot:a}rev", "%q stays for ever", key)
	}
}

// After the last of a customer is removed by commits nothing but the revision
// is left, and no index still names what is gone.
func TestRemoved(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx, redis, s := t.Context(), admin(t, server), open(t, server.URL, "bot")
	for rev := range int64(30) {
		b := batch(alice, rev)
		key := fmt.Sprint("r", rev)
		b.Runs = []nostrbot.Run{{Key: key, Customer: alice, WakeAt: testNow}, {Key: key + "-never", Customer: alice}}
		require.NoError(t, s.Commit(ctx, b))
	}
	send(t, s, alice)
	for range 10 {
		require.NoError(t, s.Commit(ctx, nostrbot.Batch{
			Customer: alice, Rev: nostrbot.AnyRev, Now: testNow.Add(nostrbot.DoneTTL),
		}))
	}
	keys, err := redis.Keys(ctx, "*").Result()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"bot:version", "{bot:a}rev"}, keys)
}

// Redis forgets its scripts at a restart, and when told to.
func TestScriptsAreForgotten(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx, redis, s := t.Context(), admin(t, server), open(t, server.URL, "bot")
	for rev, call := range []func() error{
		func() error { return nil },
		func() error { _, err := s.Load(ctx, alice, testNow); return err },
		func() error { _, err := s.Due(ctx, testNow, 1); return err },
		func() error { _, err := s.Parcels(ctx, alice, 1); return err },
		func() error { _, err := s.Claim(ctx, alice, "one", time.Hour); return err },
		func() error { return s.Release(ctx, alice, "one") },
		func() error { _, err := s.Put(ctx, "a", nil, 0); return err },
	} {
		require.NoError(t, redis.ScriptFlush(ctx).Err())
		require.NoError(t, call())
		require.NoError(t, redis.ScriptFlush(ctx).Err())
		require.NoError(t, s.Commit(ctx, batch(alice, int64(rev))))
	}
}

// What another program wrote under our keys is an error, not an answer.
func TestDamaged(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx, redis, s := t.Context(), admin(t, server), open(t, server.URL, "bot")
	own := func(kind string) string { return "{bot:a}" + kind + string(alice[:]) }
	for name, c := range map[string]struct {
		spoil func() error
		call  func() error
	}{
		"state":    {redis.Set(ctx, own("s"), "{}", 0).Err, func() error { _, err := s.Load(ctx, alice, testNow); return err }},
		"run":      {redis.HSet(ctx, "{bot:a}run", "r1", "soon").Err, func() error { _, _, err := s.Run(ctx, testNow, "r1"); return err }},
		"customer": {redis.ZAdd(ctx, "{bot:a}wait", redis9.Z{Member: "bob"}).Err, func() error { _, err := s.Pending(ctx, nostrbot.PubKey{}, 1); return err }},
		"parcel":   {redis.RPush(ctx, own("q"), "p1").Err, func() error { _, err := s.Parcels(ctx, alice, 1); return err }},
		"value":    {redis.HSet(ctx, "{bot:kv}value", "a", "1").Err, func() error { _, _, err := s.Get(ctx, "a"); return err }},
	} {
		require.NoError(t, c.spoil(), name)
		require.ErrorContains(t, c.call(), "was the prefix used before?", name)
	}
	require.NoError(t, redis.Set(ctx, own("d"), "text", 0).Err())
	err := s.Commit(ctx, batch(alice, 0))
	require.ErrorContains(t, err, "another program uses keys of this prefix")
}

// A full memory refuses writes, says so, and loses nothing.
func TestFull(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx, redis, s := t.Context(), admin(t, server), open(t, server.URL, "bot")
	require.NoError(t, s.Commit(ctx, batch(alice, 0)))
	require.NoError(t, redis.ConfigSet(ctx, "maxmemory", "1").Err())
	err := s.Commit(ctx, batch(alice, 1))
	require.ErrorContains(t, err, "memory is full and nothing is written")
	require.NotErrorIs(t, err, nostrbot.ErrConflict)
	c, err := s.Load(ctx, alice, testNow, batch(alice, 0).Done[0], batch(alice, 1).Done[0])
	require.NoError(t, err, "what is there can be read")
	require.EqualValues(t, 1, c.Rev)
	require.Equal(t, batch(alice, 0).Done, c.Done)
	require.NoError(t, redis.ConfigSet(ctx, "maxmemory", "0").Err())
	require.NoError(t, s.Commit(ctx, batch(alice, 1)))
}

func TestKV_Names(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL, "bot")
	_, err := s.Put(t.Context(), "", []byte("x"), 0)
	require.ErrorContains(t, err, "name is empty")
	for _, name := range []string{"a\xff", "a\xff\xff", "b", "\xff", "\xff\xffz", "a\xfe", "x\x00", "x\x00y"} {
		ok, err := s.Put(t.Context(), name, nil, 0)
		require.NoError(t, err)
		require.True(t, ok)
		value, rev, err := s.Get(t.Context(), name)
		require.NoError(t, err)
		require.EqualValues(t, 1, rev)
		require.Equal(t, []byte{}, value, "there, and empty")
	}
	for prefix, want := range map[string][]string{
		"a\xff": {"a\xff", "a\xff\xff"}, "a": {"a\xfe", "a\xff", "a\xff\xff"},
		"\xff": {"\xff", "\xff\xffz"}, "\xff\xff": {"\xff\xffz"}, "x\x00": {"x\x00", "x\x00y"},
	} {
		names, err := s.List(t.Context(), prefix)
		require.NoError(t, err)
		require.Equal(t, want, names, "prefix %q", prefix)
	}
	require.NoError(t, s.Close())
	_, _, err = s.Get(t.Context(), "a")
	require.ErrorIs(t, err, nostrbot.ErrStoreClosed)
	_, err = s.Put(t.Context(), "a", nil, 0)
	require.ErrorIs(t, err, nostrbot.ErrStoreClosed)
	_, err = s.List(t.Context(), "")
	require.ErrorIs(t, err, nostrbot.ErrStoreClosed)
}

// What a customer costs: Redis' own account of it.
func TestMemory(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	ctx, redis, s := t.Context(), admin(t, server), open(t, server.URL, "bot")
	used := func() (bytes int) {
		t.Helper()
		info, err := redis.Info(ctx, "memory").Result()
		require.NoError(t, err)
		_, err = fmt.Sscanf(info[strings.Index(info, "used_memory_dataset:"):], "used_memory_dataset:%d", &bytes)
		require.NoError(t, err)
		return bytes
	}
	const customers = 2000
	before := used()
	for i := range customers {
		who := nostrbot.PubKey{byte(i >> 8), byte(i), 1}
		require.NoError(t, s.Commit(ctx, nostrbot.Batch{Customer: who, Now: testNow}))
	}
	each := (used() - before) / customers
	t.Logf("%d bytes for each customer ever seen", each)
	require.Less(t, each, 200)
}
