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
	via    Protocol
	relay  string

	do   Handler    // set for a job
	done chan error // hears the end of a job; buffered
}

// mailboxes holds one queue per customer with something to handle. A goroutine
// serves a mailbox while it is not empty.
type mailboxes struct {
	bot    *Bot
	slots  chan struct{} // bounds how many customers are served at once
	mu     sync.Mutex
	boxes  map[PubKey]*mailbox
	done   recentIDs
	closed bool
	wg     sync.WaitGroup
}

type mailbox struct {
	queue  []letter
	queued map[string]bool // ids in the queue, to drop what several relays deliver
	missed bool            // the queue was full once: ask the relays again
}

// mailboxQueue bounds one customer's waiting messages. What does not fit is
// left on the relays and asked for again once the mailbox is empty.
const mailboxQueue = 128

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
	if l.do == nil && s.done.has(l.id) {
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
		return true
	case len(box.queue) >= mailboxQueue:
		box.missed = true
		return true
	}
	if l.do == nil {
		box.queued[l.id] = true
	}
	box.queue = append(box.queue, l)
	return true
}

// serve handles a mailbox until it is empty.
func (s *mailboxes) serve(customer PubKey, box *mailbox) {
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	for {
		s.mu.Lock()
		if len(box.queue) == 0 {
			delete(s.boxes, customer)
			s.mu.Unlock()
			if box.missed {
				s.bot.pool.Refresh()
			}
			return
		}
		l := box.queue[0]
		box.queue = box.queue[1:]
		s.mu.Unlock()

		err := s.bot.handle(customer, l)
		if l.done != nil {
			l.done <- err
		}
		s.mu.Lock()
		delete(box.queued, l.id)
		if err == nil && l.do == nil {
			s.done.add(l.id)
		}
		s.mu.Unlock()
	}
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

// recentIDs remembers the newest few thousand ids. It only saves work: whether
// a message was handled, the Store knows. Without it, what was handled would
// crowd out of a full mailbox what was not, each time the relays are asked
// again.
type recentIDs struct {
	ids  map[string]bool
	ring []string
	next int
}

const keepIDs = 8192

func (r *recentIDs) has(id string) bool { return r.ids[id] }

func (r *recentIDs) add(id string) {
	if r.ids == nil {
		r.ids = map[string]bool{}
	}
	if r.ids[id] {
		return
	}
	if len(r.ring) < keepIDs {
		r.ring = append(r.ring, id)
	} else {
		delete(r.ids, r.ring[r.next])
		r.ring[r.next] = id
		r.next = (r.next + 1) % keepIDs
	}
	r.ids[id] = true
}
