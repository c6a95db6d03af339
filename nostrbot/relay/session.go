package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/dmshop/dmshop/internal/eventjson"
)

const (
	maxBadFrames = 256 // within a minute
	// maxGuestBytes is how much a guest may send within a minute: it is asked
	// for little, and all that it sends costs reading.
	maxGuestBytes = 16 << 20
)

// session is one open socket. The reader never waits for anything but the
// socket, so that OKs, pongs and challenges are seen whatever else is stuck;
// the writer alone writes, each frame with a deadline; the pinger pings; and
// control does what is due. The first of them that fails ends all.
type session struct {
	leg    *leg
	conn   *websocket.Conn
	ctx    context.Context
	cancel context.CancelCauseFunc
	start  time.Time
	out    *sendQueue
	wake   chan struct{} // holds one token when control should look again
	heard  atomic.Int64  // nanoseconds after start

	// Of the reader alone.
	bad      int
	badSince time.Time
	notices  int
	taken    int // bytes of a guest's
	since    time.Time

	// Guarded by leg.mu.
	auth    auth
	sub     subscription
	pages   pager
	queries map[string]*query
}

func newSession(ctx context.Context, l *leg, conn *websocket.Conn) *session {
	conn.SetReadLimit(-1) // read bounds it, without losing the connection
	s := &session{
		leg:     l,
		conn:    conn,
		start:   time.Now(),
		out:     newSendQueue(),
		wake:    make(chan struct{}, 1),
		queries: make(map[string]*query),
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	if l.queue != nil {
		s.sub = subscription{phase: waiting, due: s.start}
	}
	return s
}

// run returns why the connection ended.
func (s *session) run() error {
	var wg sync.WaitGroup
	wg.Go(s.read)
	wg.Go(s.write)
	wg.Go(s.ping)
	s.control()
	_ = s.conn.CloseNow() // the cause is reported; closing cannot add to it
	wg.Wait()
	return context.Cause(s.ctx)
}

func (s *session) fail(err error) { s.cancel(err) }

// poke makes control look at what is due.
func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *session) control() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next := s.step()
		timer.Reset(time.Until(next))
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// step does what is due and returns when to look again at the latest.
func (s *session) step() time.Time {
	l := s.leg
	next := alarm{time.Now().Add(time.Hour)}
	if l.guest && l.release() {
		s.fail(errIdle)
		return next.at
	}
	if l.guest {
		next.set(time.Now().Add(l.cfg.Timing.GuestIdle))
	}
	s.stepAuth(&next)
	s.stepSub(&next)
	return next.at
}

// alarm keeps the earliest of several times.
type alarm struct{ at time.Time }

func (a *alarm) set(t time.Time) {
	if t.Before(a.at) {
		a.at = t
	}
}

func (s *session) write() {
	for {
		frame, ok := s.out.take()
		if !ok {
			select {
			case <-s.ctx.Done():
				return
			case <-s.out.ready:
			}
			continue
		}
		deadline := time.AfterFunc(s.leg.cfg.Timing.Write, func() { s.fail(errStuck) })
		err := s.conn.Write(s.ctx, websocket.MessageText, frame)
		deadline.Stop()
		if err != nil {
			s.fail(fmt.Errorf("write: %w", err))
			return
		}
	}
}

// ping has a goroutine of its own, so that a writer that is stuck, or a peer
// that went away without a word, is noticed.
func (s *session) ping() {
	t := &s.leg.cfg.Timing
	ticker := time.NewTicker(t.Ping)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(s.ctx, t.Dead-t.Ping)
		err := s.conn.Ping(ctx)
		cancel()
		if err == nil {
			s.hear()
			continue
		}
		if time.Since(s.start)-time.Duration(s.heard.Load()) >= t.Dead {
			s.fail(errDead)
			return
		}
	}
}

func (s *session) hear() { s.heard.Store(int64(time.Since(s.start))) }

// hearing notes every byte that arrives, also in the middle of a long frame.
type hearing struct {
	io.Reader
	s *session
}

func (h hearing) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.s.hear()
		h.s.take(n)
	}
	return n, err
}

func (s *session) take(n int) {
	if !s.leg.guest {
		return
	}
	if now := time.Now(); now.Sub(s.since) > time.Minute {
		s.taken, s.since = 0, now
	}
	if s.taken += n; s.taken > maxGuestBytes {
		s.fail(errFlood)
	}
}

func (s *session) read() {
	var buf bytes.Buffer
	for {
		_, r, err := s.conn.Reader(s.ctx)
		if err != nil {
			s.fail(fmt.Errorf("read: %w", err))
			return
		}
		buf.Reset()
		r = hearing{r, s}
		size, err := io.Copy(&buf, io.LimitReader(r, maxFrame+1))
		if err == nil && size > maxFrame {
			// Ending the connection would let one event that is too big cut
			// us off from all that the relay would send after it.
			var rest int64
			rest, err = io.Copy(io.Discard, io.LimitReader(r, maxDiscard))
			if rest == maxDiscard {
				err = errors.New("endless message")
			}
			s.malformed(fmt.Errorf("%w: longer than %d bytes", errFrame, maxFrame))
		} else if err == nil {
			s.handle(buf.Bytes())
		}
		if err != nil {
			s.fail(fmt.Errorf("read: %w", err))
			return
		}
		if buf.Cap() > 64<<10 {
			buf = bytes.Buffer{}
		}
	}
}

// handle is the boundary for foreign bytes.
func (s *session) handle(data []byte) {
	defer func() {
		if v := recover(); v != nil {
			s.leg.log.Error("frame handler panicked", "panic", v, "stack", string(debug.Stack()))
			s.malformed(errFrame)
		}
	}()
	f, err := parseFrame(data)
	if err != nil {
		s.malformed(err)
		return
	}
	if f.event != nil && !eventjson.CheckID(f.event) {
		s.malformed(fmt.Errorf("%w: event id is not its hash", errFrame))
		return
	}
	if f.label == "NOTICE" {
		if s.notices++; s.notices <= 20 {
			s.leg.log.Info("relay says", "notice", f.text)
		}
		return
	}
	s.leg.mu.Lock()
	defer s.leg.mu.Unlock()
	switch f.label {
	case "EVENT":
		s.onEvent(f.sub, f.event, len(data))
	case "OK":
		s.onOK(f.id, f.ok, f.text)
	case "EOSE":
		s.onEOSE(f.sub)
	case "CLOSED":
		s.onClosed(f.sub, f.text)
	case "AUTH":
		s.onChallenge(f.text)
	}
}

func (s *session) malformed(err error) {
	s.leg.mu.Lock()
	s.leg.health.Rejected++
	s.leg.mu.Unlock()
	if now := time.Now(); s.bad == 0 || now.Sub(s.badSince) > time.Minute {
		s.bad, s.badSince = 0, now
	}
	s.bad++
	if s.bad <= 3 {
		s.leg.log.Warn("relay sent something unusable", "error", err)
	}
	if s.bad >= maxBadFrames {
		s.fail(fmt.Errorf("%d unusable messages within a minute, the last: %w", s.bad, err))
	}
}
