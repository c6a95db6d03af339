package redisstore_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/redistest"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/redisstore"
)

// admin is a connection beside the store's.
func admin(t testing.TB, s *redistest.Server) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(s.URL)
	require.NoError(t, err)
	options.MaxRetries = -1
	c := redis.NewClient(options)
	t.Cleanup(func() { c.Close() })
	return c
}

func wantNotOpened(t *testing.T, url, prefix, want string) {
	t.Helper()
	s, err := redisstore.Open(t.Context(), url, prefix)
	require.ErrorContains(t, err, want, "url %q, prefix %q", url, prefix)
	require.Nil(t, s)
	require.NotContains(t, err.Error(), "s3cret", "a password is told")
}

func TestOpen_RefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, prefix := range []string{"", "a b", "{a}", "a:b", "é", "*", strings.Repeat("a", 65)} {
		wantNotOpened(t, server.URL, prefix, "name the bot")
	}
	for url, want := range map[string]string{
		"":                                  "scheme",
		"localhost:6379":                    "scheme",
		"http://localhost":                  "scheme: http",
		"redis://:s3cret@host:port":         "the URL cannot be read",
		"redis://:s3cret%@host":             "the URL cannot be read",
		"redis://host/first":                "database number",
		"redis://host?colour=blue":          "unexpected option",
		"unix://":                           "socket path",
		server.URL + "/nowhere":             "is redis-server running there?",
		"redis://:s3cret@127.0.0.1:1":       "is redis-server running there?",
		server.URL + "?db=99":               "no database of that number",
		"unix://a:s3cret@" + server.URL[7:]: "refuses the user or the password",
	} {
		wantNotOpened(t, url, "bot", want)
	}
}

func TestOpen_RefusesServersThatLose(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx, redis := t.Context(), admin(t, server)
	set := func(setting, value string) {
		t.Helper()
		require.NoError(t, redis.ConfigSet(ctx, setting, value).Err())
	}
	for _, policy := range []string{"allkeys-lru", "volatile-ttl"} {
		set("maxmemory-policy", policy)
		wantNotOpened(t, server.URL, "bot", "set maxmemory-policy noeviction")
	}
	set("maxmemory-policy", "noeviction")

	require.NoError(t, redis.ReplicaOf(ctx, "127.0.0.1", "1").Err())
	wantNotOpened(t, server.URL, "bot", "is a replica")
	require.NoError(t, redis.ReplicaOf(ctx, "NO", "ONE").Err())

	require.NoError(t, redis.Set(ctx, "bot:version", "2", 0).Err())
	wantNotOpened(t, server.URL, "bot", "use a newer version of the program, or another prefix")
	open(t, server.URL, "other")
	require.NoError(t, redis.Set(ctx, "bot:version", "1", 0).Err())
	open(t, server.URL, "bot")

	wantNotOpened(t, redistest.Start(t, "--cluster-enabled", "yes").URL, "bot", "node of a cluster")
	wantNotOpened(t, redistest.Start(t, "--requirepass", "s3cret").URL, "bot", "wants a password")
}

func TestOpen_Password(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--requirepass", "s3cret")
	s := open(t, "unix://:s3cret@"+strings.TrimPrefix(server.URL, "unix://")+"?db=3", "bot")
	require.NoError(t, s.Commit(t.Context(), batch(alice, 0)))
}

// The wire is encrypted where the URL says so: a server that does not speak TLS
// is not spoken to.
func TestOpen_TLS(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	first := make(chan byte, 1)
	go func() {
		defer close(first)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		b := make([]byte, 1)
		if _, err := conn.Read(b); err == nil {
			first <- b[0]
		}
	}()
	wantNotOpened(t, "rediss://:s3cret@"+listener.Addr().String(), "bot", "redisstore: open: ")
	require.NoError(t, listener.Close())
	require.EqualValues(t, 0x16, <-first, "a TLS handshake")
}

func TestOpen_EndedContext(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := redisstore.Open(ctx, server.URL, "bot")
	require.ErrorIs(t, err, context.Canceled)
}

func TestDurable(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx, redis, s := t.Context(), admin(t, server), open(t, server.URL, "bot")
	require.NoError(t, s.Durable(ctx))
	for _, c := range []struct{ setting, bad, good, want string }{
		{"no-appendfsync-on-rewrite", "yes", "no", "set no-appendfsync-on-rewrite no"},
		{"appendfsync", "everysec", "always", "appendfsync everysec"},
		{"appendonly", "no", "yes", "set appendonly yes"},
	} {
		require.NoError(t, redis.ConfigSet(ctx, c.setting, c.bad).Err())
		require.ErrorContains(t, s.Durable(ctx), c.want)
		require.NoError(t, redis.ConfigSet(ctx, c.setting, c.good).Err())
		require.NoError(t, s.Durable(ctx))
	}
	require.NoError(t, redis.ACLSetUser(ctx, "default", "-config").Err())
	require.ErrorContains(t, s.Durable(ctx), "cannot be asked")
	require.NoError(t, s.Commit(ctx, batch(alice, 0)), "all else works")
	open(t, server.URL, "bot")
}

// Two bots on one Redis know nothing of each other.
func TestPrefix(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx := t.Context()
	coffee, tea := open(t, server.URL, "coffee"), open(t, server.URL, "tea")
	b := batch(alice, 0)
	b.Runs = []nostrbot.Run{{Key: "r1", Customer: alice, WakeAt: testNow}}
	require.NoError(t, coffee.Commit(ctx, b))
	_, err := coffee.Put(ctx, "name", []byte("value"), 0)
	require.NoError(t, err)
	_, err = coffee.Claim(ctx, alice, "one", time.Hour)
	require.NoError(t, err)

	c, err := tea.Load(ctx, alice, testNow, b.Done...)
	require.NoError(t, err)
	require.Equal(t, nostrbot.Conversation{}, c)
	customers, err := tea.Pending(ctx, nostrbot.PubKey{}, 1)
	require.NoError(t, err)
	require.Empty(t, customers)
	_, ok, err := tea.Run(ctx, testNow, "r1")
	require.NoError(t, err)
	require.False(t, ok)
	due, err := tea.Due(ctx, testNow, 1)
	require.NoError(t, err)
	require.Empty(t, due)
	names, err := tea.List(ctx, "")
	require.NoError(t, err)
	require.Empty(t, names)
	wait, err := tea.Claim(ctx, alice, "two", time.Hour)
	require.NoError(t, err)
	require.Zero(t, wait)
	require.NoError(t, tea.Commit(ctx, b))
}
