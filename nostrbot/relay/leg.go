package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Leg is the health of one relay's connection.
type Leg struct {
	// URL is the relay, normalised.
	URL string
	// Guest says that it is not one of the pool's own.
	Guest bool
	// Connected says that the socket is open.
	Connected bool
	// Authed says that the relay accepted an AUTH on this socket.
	Authed bool
	// Live says that EOSE was seen for the current REQ: the leg is not deaf.
	Live bool
	// Deaf says that the relay accepts events and does not deliver them to us;
	// see [Pool.ReportDeaf]. Live is false then.
	Deaf bool
	// CaughtUp says that all the relay kept for the filters was fetched too.
	CaughtUp bool
	// Since is when Connected or Live last changed.
	Since time.Time
	// Err is the last failure; it stays after the recovery. Nil: none yet.
	Err error
	// Queued counts the events that wait for Deliver now. The rest counts
	// from New on: connections made, REQs sent (pages apart), events taken
	// for delivery, events and frames thrown away (malformed, wrong id, not
	// asked for), overflows of the queue, OKs that came after their Publish.
	Queued                                               int
	Connects, Reqs, Events, Rejected, Overflows, LateOKs uint64
}

// Reasons why there is no answer, in [Verdict.Err].
var (
	// ErrNotConnected says that the event was not sent.
	ErrNotConnected = errors.New("relay is not connected")
	// ErrBusy says that the event was not sent: too much waits to be written,
	// or, for a guest, to be answered.
	ErrBusy = errors.New("relay takes our frames too slowly")
	// ErrDropped says that the socket was lost before the answer came.
	ErrDropped = errors.New("connection lost before the relay answered")
	// ErrTimeout says that Timing.Publish passed without an answer.
	ErrTimeout = errors.New("relay did not answer in time")
)

var (
	errDead    = errors.New("nothing heard from the relay, connection is half-open")
	errStuck   = errors.New("relay does not take what we write")
	errFlood   = errors.New("guest sends more than we asked for")
	errIdle    = errors.New("guest is not used")
	errStopped = errors.New("pool is not running")
)

// leg is the state machine of one relay. One lock guards all of it, also the
// session's part; it is never held while writing, signing, or calling out.
type leg struct {
	cfg     *Config
	log     *slog.Logger
	url     string
	client  *http.Client
	guest   bool
	queue   *queue        // nil: publishes only
	ups     chan struct{} // holds one token when OnUp is to be called
	release func() bool   // guests: reports whether nobody needs it any more

	mu      sync.Mutex
	health  Leg
	sess    *session
	tried   bool          // the first attempt to connect has ended
	changed chan struct{} // closed when sess or tried changes
	pubs    map[string]*publication
	// seen holds the ids queued since an overflow, until all is caught up, so
	// that a relay which pours out everything at each REQ is still got through.
	seen map[string]struct{}
	// again says that all is to be fetched once more when it is.
	again bool
	pace  pace
}

func newLeg(cfg *Config, url string, guest bool) *leg {
	l := &leg{
		cfg:     cfg,
		log:     cfg.Logger.With("relay", url),
		url:     url,
		client:  cfg.Client,
		guest:   guest,
		ups:     make(chan struct{}, 1),
		release: func() bool { return false },
		health:  Leg{URL: url, Guest: guest, Since: time.Now()},
		changed: make(chan struct{}),
		pubs:    make(map[string]*publication),
	}
	if guest {
		l.client = cfg.GuestClient
	} else if cfg.Filters != nil {
		l.queue = newQueue()
	}
	return l
}

// run connects until ctx ends, or until a guest is not needed.
func (l *leg) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if l.queue != nil {
		wg.Go(func() { l.deliver(ctx) })
	}
	if l.cfg.OnUp != nil {
		wg.Go(func() { l.announce(ctx) })
	}
	for attempt := 0; ; attempt++ {
		held, err := l.connect(ctx)
		l.down(ctx, err)
		if ctx.Err() != nil || l.release() {
			return
		}
		if held > 0 && l.cfg.OnDown != nil {
			l.cfg.OnDown(l.url, err)
		}
		if held >= l.cfg.Timing.Healthy {
			attempt = 0
		}
		wait := l.cfg.Timing.backoff(attempt)
		l.log.Info("relay is down", "error", err, "held", held, "retry_in", wait)
		select {
		case <-ctx.Done():
			l.down(ctx, err)
			return
		case <-time.After(wait):
		}
	}
}

// connect holds one connection until it breaks, and says for how long.
func (l *leg) connect(ctx context.Context) (time.Duration, error) {
	dialing, cancel := context.WithTimeout(ctx, l.cfg.Timing.Connect)
	defer cancel()
	conn, _, err := websocket.Dial(dialing, l.url, &websocket.DialOptions{HTTPClient: l.client})
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	s := newSession(ctx, l, conn)
	defer s.cancel(nil)
	l.mu.Lock()
	l.sess = s
	l.health.Connected, l.health.Since = true, s.start
	l.health.Connects++
	l.broadcast()
	l.mu.Unlock()
	l.log.Info("relay is connected")
	l.signalUp()
	err = s.run()
	return time.Since(s.start), err
}

// down makes everybody who waits for an answer know that none comes.
func (l *leg) down(ctx context.Context, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		err = errStopped
	}
	if l.health.Connected {
		l.health.Since = time.Now()
	}
	l.health.Connected, l.health.Live, l.health.Authed, l.health.CaughtUp = false, false, false, false
	l.health.Err = err
	lost := l.sess
	l.sess, l.tried = nil, true
	for id, pub := range l.pubs {
		l.resolve(id, pub, pub.unanswered(l.url, fmt.Errorf("%w: %w", ErrDropped, err)))
	}
	if lost != nil {
		for _, q := range lost.queries {
			q.finish(fmt.Errorf("%w: %w", ErrDropped, err))
		}
	}
	l.broadcast()
}

// broadcast wakes whoever waits for a connection. l.mu is held.
func (l *leg) broadcast() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// ready returns the session to send on. A connection attempt under way is
// waited for if it is the first; a relay known to be down is not.
func (l *leg) ready(ctx context.Context) (*session, error) {
	if !l.guest {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Second)
		defer cancel()
	}
	for {
		l.mu.Lock()
		s, tried, changed, err := l.sess, l.tried, l.changed, l.health.Err
		l.mu.Unlock()
		switch {
		case s != nil:
			return s, nil
		case tried:
			return nil, fmt.Errorf("%w: %w", ErrNotConnected, err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrNotConnected, context.Cause(ctx))
		}
	}
}

func (l *leg) signalUp() {
	select {
	case l.ups <- struct{}{}:
	default:
	}
}

func (l *leg) announce(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.ups:
			l.cfg.OnUp(l.url)
		}
	}
}

func (l *leg) deliver(ctx context.Context) {
	for {
		d, ok := l.queue.pop(ctx)
		if !ok {
			return
		}
		l.deliverOne(ctx, d)
		if l.queue.hasRoom() {
			l.mu.Lock()
			if l.sess != nil {
				l.sess.poke()
			}
			l.mu.Unlock()
		}
	}
}

func (l *leg) deliverOne(ctx context.Context, d Delivery) {
	defer func() {
		// One hostile event must not end the process, at each start again.
		if v := recover(); v != nil {
			l.log.Error("Deliver panicked, event dropped", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	switch {
	case d.Event != nil:
		l.cfg.Deliver(ctx, d)
	case l.cfg.OnCaughtUp != nil:
		l.cfg.OnCaughtUp(ctx, l.url)
	}
}

func (l *leg) snapshot() Leg {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.health
	h.Live = h.Live && !h.Deaf
	if l.queue != nil {
		h.Queued = l.queue.len()
	}
	return h
}
