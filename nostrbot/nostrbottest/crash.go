package nostrbottest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

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

// mortal is a Store until the bot is dead. A call under way then may still do
// what it was to do, as with a server; the bot does not hear of it.
type mortal struct {
	nostrbot.Store
	bot  *Bot
	life *life
	dead atomic.Bool
}

// mortalClaimer is one that several processes may share.
type mortalClaimer struct {
	*mortal
	claimer nostrbot.Claimer
}

func (b *Bot) mortalStore(l *life) (nostrbot.Store, *mortal) {
	m := &mortal{Store: b.store, bot: b, life: l}
	if c, ok := b.store.(nostrbot.Claimer); ok {
		return &mortalClaimer{m, c}, m
	}
	return m, m
}

// alive gives what do returns, unless the bot is dead before or after it.
func alive[T any](m *mortal, do func() (T, error)) (T, error) {
	var none T
	if m.dead.Load() {
		return none, errCrashed
	}
	v, err := do()
	if m.dead.Load() {
		return none, errCrashed
	}
	return v, err
}

func aliveErr(m *mortal, do func() error) error {
	_, err := alive(m, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func (m *mortal) Commit(ctx context.Context, batch nostrbot.Batch) error {
	return aliveErr(m, func() error {
		if len(batch.Parcels) == 0 {
			return m.Store.Commit(ctx, batch)
		}
		m.bot.reaches(BeforeCommit, m.life)
		if m.dead.Load() {
			return errCrashed
		}
		err := m.Store.Commit(ctx, batch)
		if err == nil {
			m.bot.reaches(AfterCommit, m.life)
		}
		return err
	})
}

func (m *mortal) Load(ctx context.Context, customer nostrbot.PubKey, now time.Time, ids ...string) (nostrbot.Conversation, error) {
	return alive(m, func() (nostrbot.Conversation, error) { return m.Store.Load(ctx, customer, now, ids...) })
}

func (m *mortal) Pending(ctx context.Context, after nostrbot.PubKey, limit int) ([]nostrbot.PubKey, error) {
	return alive(m, func() ([]nostrbot.PubKey, error) { return m.Store.Pending(ctx, after, limit) })
}

func (m *mortal) Parcels(ctx context.Context, customer nostrbot.PubKey, limit int) ([]nostrbot.Parcel, error) {
	return alive(m, func() ([]nostrbot.Parcel, error) { return m.Store.Parcels(ctx, customer, limit) })
}

func (m *mortal) Update(ctx context.Context, p nostrbot.Parcel) error {
	return aliveErr(m, func() error { return m.Store.Update(ctx, p) })
}

func (m *mortal) ParcelsFor(ctx context.Context, customer nostrbot.PubKey, id string) ([]nostrbot.Parcel, error) {
	return alive(m, func() ([]nostrbot.Parcel, error) { return m.Store.ParcelsFor(ctx, customer, id) })
}

func (m *mortal) Run(ctx context.Context, now time.Time, key string) (r nostrbot.Run, ok bool, err error) {
	r, err = alive(m, func() (nostrbot.Run, error) {
		var r nostrbot.Run
		r, ok, err = m.Store.Run(ctx, now, key)
		return r, err
	})
	return r, ok && err == nil, err
}

func (m *mortal) Due(ctx context.Context, now time.Time, limit int) ([]nostrbot.Run, error) {
	return alive(m, func() ([]nostrbot.Run, error) { return m.Store.Due(ctx, now, limit) })
}

func (m *mortalClaimer) Claim(ctx context.Context, customer nostrbot.PubKey, holder string, lease time.Duration) (time.Duration, error) {
	return alive(m.mortal, func() (time.Duration, error) { return m.claimer.Claim(ctx, customer, holder, lease) })
}

func (m *mortalClaimer) Release(ctx context.Context, customer nostrbot.PubKey, holder string) error {
	return aliveErr(m.mortal, func() error { return m.claimer.Release(ctx, customer, holder) })
}
