package nostrbottest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/fiatjaf/khatru"
	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
)

// khatruProcess in the environment makes the test binary a relay.
const khatruProcess = "NOSTRBOTTEST_KHATRU"

// StartKhatru starts a relay of another make. It is a process of its own: khatru
// cannot be stopped, and is not free of data races.
func StartKhatru(t *testing.T) (url string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), khatruProcess+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone
		_ = cmd.Wait()         // and says that it was killed
	})
	url, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "khatru did not start")
	return strings.TrimSpace(url)
}

// runKhatru serves a relay made of khatru and as much of a database as that
// needs, says where, and ends by being killed.
func runKhatru() error {
	r := khatru.NewRelay()
	r.Log = log.New(io.Discard, "", 0)
	db := &eventList{}
	r.StoreEvent = append(r.StoreEvent, db.save)
	r.QueryEvents = append(r.QueryEvents, db.query)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("ws://" + ln.Addr().String())
	return http.Serve(ln, r)
}

type eventList struct {
	mu     sync.Mutex
	events []nostr.Event
}

func (l *eventList) save(_ context.Context, ev *nostr.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, *ev)
	return nil
}

func (l *eventList) query(_ context.Context, f nostr.Filter) (chan *nostr.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(chan *nostr.Event, len(l.events))
	for _, ev := range l.events {
		if f.Matches(&ev) {
			out <- &ev
		}
	}
	close(out)
	return out, nil
}
