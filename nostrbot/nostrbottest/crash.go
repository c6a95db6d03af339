package nostrbottest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"github.com/dmshop/dmshop/nostrbot"
)

// Point is a moment at which a bot can be killed.
type Point string

// The moments between a question and its answer at which a crash could lose
// or repeat something.
const (
	// BeforeCommit is when the handler has returned, and nothing is written.
	BeforeCommit Point = "before commit"
	// AfterCommit is when state and replies are written, and none has left.
	AfterCommit Point = "between commit and publish"
	// BeforeOK is when a relay has a reply, and the bot does not know.
	BeforeOK Point = "between publish and OK"
)

// Crash ends the bot as if it were killed: from this instant its Store fails,
// its sockets are cut and no new ones open; nothing is finished and nothing
// leaves. The contexts of its handlers end, and what those still do outside is
// all that differs from a real kill. Crash waits for nothing; Start may follow
// at once.
func (b *Bot) Crash() {
	b.t.Helper()
	if !b.running() {
		b.t.Fatal("nostrbottest: Crash: the bot is not running")
	}
	b.net.script.note("bot crashed")
	b.present().crash()
}

// CrashAt makes the bot crash when it comes to this point with its next reply.
// [Bot.Crashed] waits for that.
func (b *Bot) CrashAt(p Point) {
	switch p {
	case BeforeCommit, AfterCommit:
	case BeforeOK:
		for _, r := range b.net.Relays {
			r.own()
		}
	default:
		panic("nostrbottest: CrashAt: use BeforeCommit, AfterCommit or BeforeOK")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = p
}

// Crashed waits for the crash that CrashAt announced.
func (b *Bot) Crashed() {
	b.t.Helper()
	if err := b.net.await(b.present().dead); err != nil {
		b.t.Fatalf("nostrbottest: the bot did not crash: %v\n\n%s", err, b.net.report())
	}
	b.net.script.note("bot crashed")
}

// reaches kills l if it was to be killed here.
func (b *Bot) reaches(p Point, l *life) {
	b.mu.Lock()
	now := b.armed == p
	if now {
		b.armed = ""
	}
	b.mu.Unlock()
	if now {
		l.crash()
	}
}

// replyPublished is called by the relays' goroutines.
func (b *Bot) replyPublished() {
	b.mu.Lock()
	defer b.mu.Unlock() // another relay must not say OK meanwhile
	if b.armed == BeforeOK {
		b.armed = ""
		b.lives[len(b.lives)-1].crash()
	}
}

func (l *life) crash() {
	l.once.Do(func() {
		l.store.dead.Store(true)
		l.link.cut()
		l.cancel(nostrbot.ErrAbort)
		close(l.dead)
	})
}

// link is the bot's way to the network.
type link struct {
	mu    sync.Mutex
	down  bool
	conns map[*linkConn]struct{}
}

type linkConn struct {
	net.Conn
	link *link
}

var errCrashed = errors.New("nostrbottest: the bot crashed")

// client speaks HTTP/1.1, which is what a WebSocket begins with.
func (l *link) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: l.dial, DisableKeepAlives: true}}
}

func (l *link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.Join(errCrashed, conn.Close())
	}
	if l.conns == nil {
		l.conns = map[*linkConn]struct{}{}
	}
	c := &linkConn{Conn: conn, link: l}
	l.conns[c] = struct{}{}
	return c, nil
}

func (c *linkConn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for c := range l.conns {
		_ = c.Conn.Close() // whatever it says, it is closed
	}
}
