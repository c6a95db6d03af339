package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/redistest"
	"github.com/dmshop/dmshop/nostrbot"
)

// wire stands between a store and its server. Armed, it hands on the next
// question and cuts the connection in place of the answer.
type wire struct {
	url   string
	armed atomic.Bool
	wg    sync.WaitGroup
}

func newWire(t *testing.T, server *redistest.Server) *wire {
	t.Helper()
	dir := strings.TrimPrefix(server.URL, "unix://")
	path := filepath.Join(filepath.Dir(dir), "wire")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	w := &wire{url: "unix://" + path}
	w.wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("unix", dir)
			if err != nil {
				client.Close()
				continue
			}
			w.wg.Go(func() { io.Copy(up, client); up.Close() })
			w.wg.Go(func() { w.answers(client, up) })
		}
	})
	t.Cleanup(func() { listener.Close(); w.wg.Wait() })
	return w
}

func (w *wire) answers(client, up net.Conn) {
	defer client.Close()
	defer up.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := up.Read(b)
		if err != nil || w.armed.CompareAndSwap(true, false) {
			return
		}
		if _, err := client.Write(b[:n]); err != nil {
			return
		}
	}
}

// A commit whose answer is lost is not repeated in secret; whoever tries again
// hears that it went through, and nothing is there twice.
func TestCommit_AnswerLost(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := newWire(t, server)
	s, ctx := open(t, w.url, "bot"), t.Context()
	for rev := range int64(5) {
		b := batch(alice, rev)
		_, err := s.Load(ctx, alice, testNow) // the scripts are known, the connection is there
		require.NoError(t, err)
		w.armed.Store(true)
		err = s.Commit(ctx, b)
		require.ErrorContains(t, err, "the outcome is unknown")
		require.NotErrorIs(t, err, nostrbot.ErrDone)
		if err = s.Commit(ctx, b); rev == 0 && err == nil {
			continue // the first question ever is whether the script is known
		}
		require.ErrorIs(t, err, nostrbot.ErrDone)
		c, err := s.Load(ctx, alice, testNow)
		require.NoError(t, err)
		require.Equal(t, rev+1, c.Rev)
		parcels, err := s.Parcels(ctx, alice, 100)
		require.NoError(t, err)
		require.Len(t, parcels, int(rev)+1)
	}
}

// A server that hangs holds nobody for longer than they want to wait.
func TestCommit_ServerHangs(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL, "bot")
	require.NoError(t, s.Commit(t.Context(), batch(alice, 0)))
	require.NoError(t, server.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Commit(ctx, batch(alice, 1)), context.DeadlineExceeded)
	require.NoError(t, server.Resume())
	// Redis reads what it was sent, though nobody waits for the answer; or not.
	err := s.Commit(t.Context(), batch(alice, 1))
	require.True(t, err == nil || errors.Is(err, nostrbot.ErrDone), "%v", err)
	c, err := s.Load(t.Context(), alice, testNow)
	require.NoError(t, err)
	require.EqualValues(t, 2, c.Rev)
}

// The server is killed in the midst of commits, again and again. What it
// acknowledged is there, each batch whole or not at all, and the store goes on
// by itself.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL, "bot")
	require.NoError(t, s.Durable(t.Context()))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const customers, kills = 4, 5

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	acked := make([]atomic.Int64, customers)
	progress := make(chan struct{}, 1000)
	errs := make(chan error, customers)
	var wg sync.WaitGroup
	for i := range customers {
		wg.Go(func() { errs <- commitOn(ctx, s, nostrbot.PubKey{byte(i * 64), 1}, &acked[i], progress) })
	}
	for range kills {
		for range 1 + random.IntN(60) {
			<-progress
		}
		server.Kill()
		server.Restart(t)
		for range customers * 4 { // all of them got over it
			<-progress
		}
	}
	stop()
	go func() {
		for range progress { // let them end
		}
	}()
	wg.Wait()
	close(progress)
	for range customers {
		require.NoError(t, <-errs)
	}
	server.Kill()
	server.Restart(t)
	for i := range customers {
		checkWhole(t, s, nostrbot.PubKey{byte(i * 64), 1}, acked[i].Load())
	}
}

// commitOn writes numbered batches until ctx ends, trying each again until it
// is there.
func commitOn(ctx context.Context, s nostrbot.Store, who nostrbot.PubKey, acked *atomic.Int64, progress chan<- struct{}) error {
	for rev := int64(0); ctx.Err() == nil; rev++ {
		n := strconv.FormatInt(rev+1, 10)
		b := nostrbot.Batch{Customer: who, Rev: rev, State: []byte(n), Done: []string{n}, Now: testNow}
		for _, part := range []string{"a", "b"} {
			b.Parcels = append(b.Parcels, nostrbot.Parcel{ID: n + part, To: who, Via: nostrbot.NIP17, Event: make([]byte, 3000)})
		}
		for doubt := false; ; doubt = true {
			err := s.Commit(context.WithoutCancel(ctx), b)
			if err == nil || doubt && errors.Is(err, nostrbot.ErrDone) {
				break
			}
			if errors.Is(err, nostrbot.ErrDone) || errors.Is(err, nostrbot.ErrConflict) {
				return fmt.Errorf("%s of %s: %w", n, who, err)
			}
		}
		acked.Store(rev + 1)
		progress <- struct{}{}
	}
	return nil
}

func checkWhole(t *testing.T, s nostrbot.Store, who nostrbot.PubKey, acked int64) {
	t.Helper()
	var c nostrbot.Conversation
	require.Eventually(t, func() bool { // the old connections are dead
		var err error
		c, err = s.Load(t.Context(), who, testNow)
		return err == nil
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, acked, c.Rev, "nobody is at work any more")
	require.Equal(t, strconv.FormatInt(acked, 10), string(c.State))
	var ids, want []string
	for n := int64(1); n <= acked+1; n++ {
		ids = append(ids, strconv.FormatInt(n, 10))
		if n <= acked {
			want = append(want, ids[n-1]+"a", ids[n-1]+"b")
		}
	}
	c, err := s.Load(t.Context(), who, testNow, ids...)
	require.NoError(t, err)
	require.Equal(t, ids[:acked], c.Done)
	parcels, err := s.Parcels(t.Context(), who, 1<<30)
	require.NoError(t, err)
	var got []string
	for _, p := range parcels {
		got = append(got, p.ID)
	}
	require.Equal(t, want, got)
}
