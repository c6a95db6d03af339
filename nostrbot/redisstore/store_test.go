package redisstore_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/internal/redistest"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/redisstore"
	"github.com/dmshop/dmshop/nostrbot/storetest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/paymentstest"
)

// silence is where go-redis' own notes on connections go in tests.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	if os.Getenv(botRedis) != "" {
		if err := botProcess(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	redis.SetLogger(silence{})
	goleak.VerifyTestMain(m)
}

var _ payments.KV = (*redisstore.Store)(nil)

func open(t testing.TB, url, prefix string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), url, prefix)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// All stores of the suite share one server, each under its prefix: what one
// does, no other sees.
func TestStore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	storetest.Run(t, func(t *testing.T, name string) nostrbot.Store {
		s, err := redisstore.Open(t.Context(), server.URL, name)
		require.NoError(t, err)
		return s
	}, storetest.Reopens)
}

func TestKV(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	paymentstest.TestKV(t, func(t *testing.T) payments.KV {
		return open(t, server.URL, name(t.Name()))
	})
	paymentstest.TestDurableKV(t, func(t *testing.T, dir string) payments.KV {
		return open(t, server.URL, name(dir))
	})
}

// name makes a prefix of any text.
func name(text string) string { return fmt.Sprintf("kv-%x", sha256.Sum256([]byte(text)))[:40] }
