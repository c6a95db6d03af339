package nostrbot

import (
	"context"
	"sync"
	"time"
)

// letter is one entry of a mailbox: a customer's message, or a job of
// [Bot.Do].
type letter struct {
	id     string
	text   string
	sentAt time.Time
	dated  time.Time // as the customer's client shows it; may be ahead of now
	via    Protocol
	relay  string
	event  string // id of the event that carried it
	work   int    // see Message.Work

	receivedAt time.Time // when its first attempt began
	attempts   int       // this one included

	do     Handler    // set for a job
	giveUp Handler    // in place of a job that keeps failing; nil leaves that to the caller
	chore  bool       // brings the runs up to date: goes before all else
	done   chan error // hears the end of a job; buffered
}

// date is what the customer's client sorts the message by.
func (l letter) date() time.Time {
	if l.dated.IsZero() {
		return l.sentAt
	}
	return l.dated
}

// mailboxes holds one queue per customer with something to handle. A goroutine
// serves a mailbox while it is not empty.
type mailboxes struct {
	bot    *Bot
	slots  chan struct{} // bounds how many customers are served at once
	mu     sync.Mutex
	boxes  map[PubKey]*mailbox
	queued int           // letters in all boxes
	bytes  int           // of their texts
	missed bool          // something did not fit into all of them
	asked  time.Time     // when the relays were last asked again
	pause  time.Duration // how long not to ask after that
	closed bool
	wg     sync.WaitGroup
}

type mailbox struct {
	queue  []letter
	queued map[string]bool // ids in the queue, to drop what several relays deliver
	missed bool            // the queue was full once: ask the relays again
}

// Bounds on what waits: one customer's messages, and those of all. What does not
// fit is left on the relays and asked for again when there is room.
const (
	mailboxQueue = 128
	allQueued    = 8192
	allBytes     = 64 << 20
)

func (s *mailboxes) init(b *Bot) {
	s.bot = b
	s.slots = make(chan struct{}, b.cfg.Parallel)
	s.boxes = map[PubKey]*mailbox{}
}

// put queues a letter; false means that the bot is stopping.
func (s *mailboxes) put(customer PubKey, l letter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if l.do == nil && (s.queued >= allQueued || s.bytes+len(l.text) > allBytes) {
		s.missed = true
		s.bot.intake.seen.release(l.event)
		return true
	}
	box := s.boxes[customer]
	if box == nil {
		box = &mailbox{queued: map[string]bool{}}
		s.boxes[customer] = box
		s.wg.Go(func() { s.serve(customer, box) })
	}
	switch {
	case l.do != nil: // jobs come from our own program and are never dropped
	case box.queued[l.id]:
		s.bot.intake.seen.release(l.event)
		return true
	case len(box.queue) >= mailboxQueue:
		box.missed = true
		s.bot.intake.seen.release(l.event)
		return true
	}
	if l.do == nil {
		box.queued[l.id] = true
	}
	box.queue = append(box.queue, l)
	s.queued++
	s.bytes += len(l.text)
	return true
}

// serve handles a mailbox until it is empty.
func (s *mailboxes) serve(customer PubKey, box *mailbox) {
	s.slots <- struct{}{}
	growStack() // not before: thousands may wait for a slot
	defer func() { <-s.slots }()
	for {
		s.mu.Lock()
		if len(box.queue) == 0 {
			delete(s.boxes, customer)
			s.mu.Unlock()
			if box.missed {
				s.askAgain()
			}
			return
		}
		l := box.queue[0]
		box.queue = box.queue[1:]
		s.mu.Unlock()

		err := s.bot.handle(customer, l)
		s.bot.flows.starting.over(customer)
		if l.done != nil {
			l.done <- err
		} else if err == nil {
			s.bot.intake.seen.settle(l.event)
		}
		s.mu.Lock()
		delete(box.queued, l.id)
		s.queued--
		s.bytes -= len(l.text)
		room := s.missed && s.queued <= allQueued/2 && s.bytes <= allBytes/2
		if room {
			s.missed = false
		}
		s.mu.Unlock()
		if room {
			s.askAgain()
		}
	}
}

// askAgain lets the relays deliver again what did not fit. One customer who
// floods must not make us a nuisance to relays, so the pauses grow.
func (s *mailboxes) askAgain() {
	const first, most = time.Second, 5 * time.Minute
	s.mu.Lock()
	now := time.Now()
	wait := s.asked.Add(s.pause).Sub(now)
	switch {
	case wait > 0 && s.asked.After(now):
		s.mu.Unlock()
		return // somebody waits already, for all
	case wait > 0:
		s.asked, s.pause = now.Add(wait), min(2*s.pause, most)
	case -wait > most:
		s.asked, s.pause = now, first
	default:
		s.asked, s.pause = now, min(max(first, s.pause), most)
	}
	s.wg.Go(func() {
		select {
		case <-time.After(max(0, wait)):
			s.bot.pool.Refresh()
		case <-s.bot.intake.stop:
		}
	})
	s.mu.Unlock()
}

// quiet tells that all letters were handled, and that none was left on the
// relays for want of room.
func (s *mailboxes) quiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.boxes) == 0 && !s.missed && !s.asked.After(time.Now())
}

// idle lends the caller's slot to others while f waits.
func (s *mailboxes) idle(f func()) {
	<-s.slots
	f()
	s.slots <- struct{}{}
}

// close takes no more letters and waits until all mailboxes are empty or ctx
// ends. What is left then ends at once, since the handlers' context ends next.
func (s *mailboxes) close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	waitUntil(ctx, &s.wg)
}

func (s *mailboxes) wait() { s.wg.Wait() }
