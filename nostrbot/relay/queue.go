package relay

import (
	"context"
	"sync"
)

const (
	queueEvents = 256
	queueBytes  = 8 << 20
)

// queue stands between a leg's reader and its Deliver. Pushing never waits.
type queue struct {
	mu    sync.Mutex
	items []queued
	bytes int
	ready chan struct{} // holds one token when items may be there
}

type queued struct {
	Delivery
	size int
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// push reports whether there was room. A single event always fits.
func (q *queue) push(d Delivery, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= queueEvents || len(q.items) > 0 && q.bytes+size > queueBytes {
		return false
	}
	q.items = append(q.items, queued{d, size})
	q.bytes += size
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

// mark adds a delivery without an event, which is always let in: there is at
// most one a REQ.
func (q *queue) mark(d Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, queued{Delivery: d})
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// pop waits for an event; ok is false when ctx ended.
func (q *queue) pop(ctx context.Context) (d Delivery, ok bool) {
	for ctx.Err() == nil {
		if d, ok := q.take(); ok {
			return d, true
		}
		select {
		case <-ctx.Done():
		case <-q.ready:
		}
	}
	return Delivery{}, false
}

func (q *queue) take() (Delivery, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return Delivery{}, false
	}
	first := q.items[0]
	q.items[0] = queued{}
	q.items = q.items[1:]
	if len(q.items) == 0 {
		q.items = nil
	}
	q.bytes -= first.size
	return first.Delivery, true
}

// hasRoom tells that at least half of the queue is free.
func (q *queue) hasRoom() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) <= queueEvents/2 && q.bytes <= queueBytes/2
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// sendQueue holds the frames on their way to one socket. Pushing never waits.
type sendQueue struct {
	mu     sync.Mutex
	frames [][]byte
	bytes  int
	ready  chan struct{}
}

const sendBytes = 4 << 20

func newSendQueue() *sendQueue { return &sendQueue{ready: make(chan struct{}, 1)} }

// push reports whether there was room.
func (q *sendQueue) push(frame []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.frames) > 0 && q.bytes+len(frame) > sendBytes {
		return false
	}
	q.add(frame)
	return true
}

// force is for our own few control frames, which must not get lost.
func (q *sendQueue) force(frame []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(frame)
}

func (q *sendQueue) add(frame []byte) {
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *sendQueue) take() ([]byte, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.frames) == 0 {
		return nil, false
	}
	f := q.frames[0]
	q.frames[0] = nil
	q.frames = q.frames[1:]
	if len(q.frames) == 0 {
		q.frames = nil
	}
	q.bytes -= len(f)
	return f, true
}
