package devrelay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/nbd-wtf/go-nostr"
)

// Options may be left out: zero fields are their defaults.
type Options struct {
	// Name is shown in the NIP-11 document: "devrelay".
	Name string
	// MaxMessage bounds a client's message, in bytes: 1 MiB. A longer one is
	// refused with OK false or a NOTICE; one of more than eight times that
	// ends the connection.
	MaxMessage int
	// MaxEvents bounds the store: 100,000. The first accepted go first.
	MaxEvents int
	// MaxLimit caps the events per filter of a REQ: 0 is no cap.
	MaxLimit int
	// MaxSubscriptions bounds the subscriptions of a connection: 100.
	MaxSubscriptions int
	// Queue is how many live events may wait for a slow subscriber before it
	// is cut off: 4096. Write bounds the writing of one frame: 5 s.
	Queue int
	Write time.Duration
	// Trusting leaves ids and signatures of events unverified: for measuring
	// somebody who shares the machine with the relay.
	Trusting bool
	// Now is the relay's clock: time.Now.
	Now func() time.Time
	// Logger gets a line per connection cut off. Nil: discards.
	Logger *slog.Logger
}

// Relay is a relay. It is an [http.Handler] for WebSocket and NIP-11 requests.
// All methods are safe for concurrent use.
type Relay struct {
	// Faults is the switchboard; all is off at first.
	Faults *Faults

	opts   Options
	server *http.Server
	url    string
	watch  watch
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // connections and the server

	mu     sync.Mutex
	closed bool
	conns  map[*conn]struct{}
	nconns int
	store  store
	held   []*stored // by Faults.HoldLive
}

// New returns a relay to be mounted on a server. Close it when done.
func New(opts Options) *Relay {
	opts.Name = cmp.Or(opts.Name, "devrelay")
	opts.MaxMessage = cmp.Or(opts.MaxMessage, 1<<20)
	opts.MaxEvents = cmp.Or(opts.MaxEvents, 100_000)
	opts.MaxSubscriptions = cmp.Or(opts.MaxSubscriptions, 100)
	opts.Queue = cmp.Or(opts.Queue, 4096)
	opts.Write = cmp.Or(opts.Write, 5*time.Second)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Relay{opts: opts, conns: make(map[*conn]struct{}), store: newStore(opts.MaxEvents)}
	r.Faults = newFaults(r)
	r.watch.init()
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Start returns a relay that listens on addr, such as "127.0.0.1:0".
func Start(addr string, opts Options) (*Relay, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start relay: %w", err)
	}
	r := New(opts)
	r.url = "ws://" + ln.Addr().String()
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	r.wg.Go(func() {
		if err := r.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			r.opts.Logger.Error("relay stopped serving", "error", err)
		}
	})
	return r, nil
}

// URL is the ws:// address of a relay that was made by [Start].
func (r *Relay) URL() string { return r.url }

// Close ends all connections and returns when no goroutine is left.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	var err error
	if r.server != nil {
		err = r.server.Close()
	}
	r.Faults.release()
	r.Faults.DropConnections()
	r.wg.Wait()
	if err != nil {
		return fmt.Errorf("close relay: %w", err)
	}
	return nil
}

// ServeHTTP implements [http.Handler].
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		http.Error(w, "relay is closed", http.StatusServiceUnavailable)
		return
	}
	r.wg.Add(1) // under the lock: not while Close waits
	r.mu.Unlock()
	defer r.wg.Done()

	if !strings.EqualFold(req.Header.Get("Upgrade"), "websocket") {
		r.serveInfo(w, req)
		return
	}
	if r.Faults.refusesConnections() {
		http.Error(w, "no connections", http.StatusServiceUnavailable)
		return
	}
	if !r.Faults.gate.wait(req.Context().Done()) {
		return // half-open, and the client gave up
	}
	drops := r.Faults.drops.Load()
	hijack := &gatedHijacker{ResponseWriter: w, gate: &r.Faults.gate}
	ws, err := websocket.Accept(hijack, req, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	c := newConn(r, ws, hijack.conn, req)
	if !r.enter(c, drops) {
		_ = ws.CloseNow() // nothing to add to "closed"
		return
	}
	c.serve()
	r.leave(c)
}

// enter counts a connection in. For the client it was open a moment before: if
// all connections were dropped since, it is dropped too.
func (r *Relay) enter(c *conn, drops int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.conns[c] = struct{}{}
	r.nconns++
	c.n = r.nconns
	r.watch.note(Seen{What: Connected, Conn: c.n})
	if r.Faults.challengesOnConnect() {
		c.sendChallenge()
	}
	if r.Faults.drops.Load() != drops {
		c.drop()
	}
	return true
}

func (r *Relay) leave(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	r.watch.note(Seen{What: Disconnected, Conn: c.n})
}

// Events returns what is stored and matches any of the filters, or all of it
// without filters, in the order of acceptance; limits are not applied.
func (r *Relay) Events(filters ...nostr.Filter) []*nostr.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var events []*nostr.Event
	for _, s := range r.store.order {
		if s != nil && (len(filters) == 0 || nostr.Filters(filters).Match(s.event)) {
			events = append(events, s.event)
		}
	}
	return events
}

// Publish accepts an event as if a client had sent it, faults aside: verified,
// stored, and sent to live subscriptions.
func (r *Relay) Publish(event *nostr.Event) error {
	raw, err := event.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if reason := r.verify(event); reason != "" {
		return errors.New(reason)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok, reason := r.accept(&stored{event: event, raw: raw}); !ok {
		return errors.New(reason)
	}
	return nil
}

// Inject serves an event that nobody verified, as a hostile relay would: with
// a wrong id, a forged signature, any date. It need only be JSON with an
// event's types. It displaces no honest event and is sent to live
// subscriptions too.
func (r *Relay) Inject(raw []byte) error {
	event, err := parseEvent(raw)
	if err != nil {
		return fmt.Errorf("inject: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &stored{event: event, raw: raw, forged: true}
	r.store.append(s)
	r.fanOut(s)
	return nil
}

// SendFrame sends a text message, whatever it is, on every connection.
func (r *Relay) SendFrame(frame string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.send([]byte(frame))
	}
}

// accept stores a new event, unless it is ephemeral, and sends it to live
// subscriptions. r.mu is held.
func (r *Relay) accept(s *stored) (ok bool, reason string) {
	if !nostr.IsEphemeralKind(s.event.Kind) {
		if r.store.byID[s.event.ID] != nil {
			return true, "duplicate: already have this event"
		}
		if !r.store.add(s) {
			return false, "replaced: have a newer one"
		}
	}
	r.fanOut(s)
	return true, ""
}

// fanOut sends an event to the live subscriptions it matches. r.mu is held.
func (r *Relay) fanOut(s *stored) {
	if r.Faults.withholds() {
		return
	}
	if r.Faults.holds() {
		r.held = append(r.held, s)
		return
	}
	if d := get(r.Faults, func(s *switches) time.Duration { return s.delayLive }); d > 0 {
		time.AfterFunc(d, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.broadcast(s)
		})
		return
	}
	r.broadcast(s)
}

func (r *Relay) broadcast(s *stored) {
	copies := r.Faults.copies()
	for c := range r.conns {
		if r.Faults.silencedUntilAuth() && len(c.authed) == 0 {
			continue
		}
		for id, filters := range c.subs {
			if nostr.Filters(filters).Match(s.event) {
				for range copies {
					c.sendEvent(id, s, false)
				}
			}
		}
	}
}
