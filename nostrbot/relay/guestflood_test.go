package relay_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

// A guest that sends without end what nobody asked for is let go.
func TestGuestThatFloods(t *testing.T) {
	t.Parallel()
	chatter := []byte(`["NOTICE","` + strings.Repeat("x", 200_000) + `"]`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for err == nil {
			err = conn.Write(r.Context(), websocket.MessageText, chatter)
		}
	}))
	t.Cleanup(server.Close)
	pool, err := relay.New(relay.Config{GuestClient: server.Client()})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = pool.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	url := strings.Replace(server.URL, "http", "ws", 1)
	require.Eventually(t, func() bool {
		v := pool.Publish(ctx, raw(t, toMe(t, "x")), url)[0]
		return v.Err != nil && strings.Contains(v.Err.Error(), "guest sends more than we asked for")
	}, 20*time.Second, time.Millisecond)
}
