package devrelay

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/nbd-wtf/go-nostr"
)

var errTooLong = errors.New("message is too long")

// conn is a client's connection: one goroutine reads and handles, one writes.
type conn struct {
	relay     *Relay
	ws        *websocket.Conn
	socket    *gatedConn
	host      string // as the client called us
	challenge string
	n         int
	ctx       context.Context
	cancel    context.CancelFunc
	out       *outbox

	// Guarded by Relay.mu.
	subs   map[string][]nostr.Filter
	authed map[string]bool // pubkeys
}

func newConn(r *Relay, ws *websocket.Conn, socket *gatedConn, req *http.Request) *conn {
	ws.SetReadLimit(-1) // read bounds it
	c := &conn{
		relay:     r,
		ws:        ws,
		socket:    socket,
		host:      req.Host,
		out:       newOutbox(),
		challenge: rand.Text(),
		subs:      make(map[string][]nostr.Filter),
		authed:    make(map[string]bool),
	}
	c.ctx, c.cancel = context.WithCancel(r.ctx)
	return c
}

func (c *conn) serve() {
	var wg sync.WaitGroup
	wg.Go(c.write)
	for c.out.waitStored(c.ctx, c.relay.opts.Queue) {
		data, err := c.read()
		if errors.Is(err, errTooLong) {
			c.refuseLong(data)
			continue
		}
		if err != nil {
			break
		}
		c.handle(data)
	}
	c.cancel()
	_ = c.ws.CloseNow() // the client is gone or sent away
	wg.Wait()
}

// drop ends the connection as a crash would.
func (c *conn) drop() {
	c.cancel()
	c.socket.reset()
}

// read returns a message, or the start of one that is too long.
func (c *conn) read() ([]byte, error) {
	_, r, err := c.ws.Reader(c.ctx)
	if err != nil {
		return nil, err
	}
	limit := int64(c.relay.Faults.maxMessage())
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil || int64(len(data)) <= limit {
		return data, err
	}
	rest, err := io.Copy(io.Discard, io.LimitReader(r, 7*limit))
	switch {
	case err != nil:
		return nil, err
	case rest == 7*limit:
		return nil, fmt.Errorf("message of more than %d bytes", 8*limit)
	}
	return data, errTooLong
}

func (c *conn) refuseLong(start []byte) {
	reason := fmt.Sprintf("invalid: message is longer than %d bytes", c.relay.Faults.maxMessage())
	if id := claimedID(start); id != "" {
		c.sendOK(id, false, reason)
		return
	}
	c.sendNotice(reason)
}

func (c *conn) handle(data []byte) {
	m, err := parseMessage(data)
	if err != nil {
		c.sendNotice("invalid: " + err.Error())
		return
	}
	switch m.label {
	case "EVENT":
		c.onEvent(m)
	case "REQ":
		c.onREQ(m)
	case "CLOSE":
		c.onClose(m)
	case "AUTH":
		c.onAuth(m)
	}
}

func (c *conn) onEvent(m message) {
	f := c.relay.Faults
	reason := c.relay.verify(m.event)
	if reason == "" {
		reason = f.eventRefusal(m.event)
	}
	ok, answer := c.takeEvent(m, reason)
	if ok {
		f.stored(m.event)
	}
	answer()
}

// takeEvent stores an event that nothing speaks against, and decides how to
// answer.
func (c *conn) takeEvent(m message, reason string) (ok bool, answer func()) {
	r, f := c.relay, c.relay.Faults
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason == "" && f.refusesUntilAuth() && len(c.authed) == 0 {
		reason = c.demandAuth()
	}
	ok = reason == ""
	if ok && !f.loses() {
		ok, reason = r.accept(&stored{event: m.event, raw: m.raw})
	}
	answer = f.answer(c, ok, func() { c.sendOK(m.event.ID, ok, reason) })
	r.watch.note(Seen{What: EVENT, Conn: c.n, Event: m.event, Raw: m.raw})
	return ok, answer
}

// demandAuth returns the reason for refusing. Relay.mu is held.
func (c *conn) demandAuth() string {
	if c.relay.Faults.authMode() == AuthOnDemand {
		c.sendChallenge()
	}
	return "auth-required: tell us who you are"
}

func (c *conn) onREQ(m message) {
	r, f := c.relay, c.relay.Faults
	reason := f.reqRefusal(m.sub, m.filters)
	s := get(f, func(s *switches) switches { return *s })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch.note(Seen{What: REQ, Conn: c.n, Sub: m.sub, Filters: m.filters})
	_, replaces := c.subs[m.sub]
	switch {
	case s.ignoreREQ:
		return
	case reason == "" && f.refusesUntilAuth() && len(c.authed) == 0:
		reason = c.demandAuth()
	case reason == "" && !replaces && len(c.subs) >= r.opts.MaxSubscriptions:
		reason = fmt.Sprintf("error: more than %d subscriptions", r.opts.MaxSubscriptions)
	}
	if reason != "" {
		delete(c.subs, m.sub)
		c.sendClosed(m.sub, reason)
		return
	}
	c.subs[m.sub] = m.filters
	if !f.silencedUntilAuth() || len(c.authed) > 0 {
		for _, st := range r.store.query(m.filters, r.opts.MaxLimit, s.ignoreLimits) {
			for range 1 + s.extra {
				c.sendEvent(m.sub, st, true)
			}
		}
	}
	if !s.noEOSE {
		c.sendJSON("EOSE", m.sub)
	}
}

func (c *conn) onClose(m message) {
	c.relay.mu.Lock()
	defer c.relay.mu.Unlock()
	delete(c.subs, m.sub)
	c.relay.watch.note(Seen{What: CLOSE, Conn: c.n, Sub: m.sub})
}

func (c *conn) onAuth(m message) {
	r := c.relay
	reason := verify(m.event)
	if reason == "" {
		reason = get(r.Faults, func(s *switches) string { return s.refuseAuth })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason == "" {
		reason = c.checkAuth(m.event)
	}
	if reason == "" {
		c.authed[m.event.PubKey] = true
	}
	r.watch.note(Seen{What: AUTH, Conn: c.n, Event: m.event, Raw: m.raw})
	c.sendOK(m.event.ID, reason == "", reason)
}

// checkAuth is NIP-42's part beyond the signature.
func (c *conn) checkAuth(ev *nostr.Event) string {
	value := func(name string) string {
		if tag := ev.Tags.Find(name); tag != nil {
			return tag[1]
		}
		return ""
	}
	here, err := url.Parse(value("relay"))
	switch {
	case ev.Kind != nostr.KindClientAuthentication:
		return "invalid: AUTH wants kind 22242"
	case value("challenge") != c.challenge:
		return "invalid: wrong challenge"
	case err != nil || !strings.EqualFold(here.Host, c.host):
		return "invalid: wrong relay"
	case c.relay.Faults.now().Sub(ev.CreatedAt.Time()).Abs() > 10*time.Minute:
		return "invalid: created_at is too far from now"
	}
	return ""
}

func (c *conn) sendChallenge()                           { c.sendJSON("AUTH", c.challenge) }
func (c *conn) sendClosed(sub, reason string)            { c.sendJSON("CLOSED", sub, reason) }
func (c *conn) sendNotice(text string)                   { c.sendJSON("NOTICE", text) }
func (c *conn) sendOK(id string, ok bool, reason string) { c.sendJSON("OK", id, ok, reason) }

func (c *conn) sendJSON(parts ...any) {
	frame, err := json.Marshal(parts)
	if err != nil { // strings and bools always encode
		panic("devrelay: " + err.Error())
	}
	c.send(frame)
}

func (c *conn) send(frame []byte) { c.enqueue(item{frame: frame}) }

func (c *conn) sendEvent(sub string, s *stored, fromStore bool) {
	c.enqueue(item{sub: sub, event: s.raw, stored: fromStore})
}

func (c *conn) enqueue(i item) {
	if !c.out.push(i, c.relay.opts.Queue) {
		c.relay.opts.Logger.Info("client does not read, cut off", "conn", c.n)
		c.drop()
	}
}

func (c *conn) write() {
	defer c.cancel() // the reader ends too
	for {
		i, ok := c.out.pop(c.ctx)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(c.ctx, c.relay.opts.Write)
		err := c.ws.Write(ctx, websocket.MessageText, i.bytes())
		cancel()
		if err != nil {
			return
		}
	}
}
