package nostrbot

import (
	"container/list"
	"context"
	"sync"
)

// verdict is what a middleware decides about a message.
type verdict int

const (
	pass   verdict = iota
	refuse         // silently
	refuseAloud
)

// maxRemembered is how many customers a middleware remembers: those it met
// last. About 4 MB for each middleware, whatever the number of public keys.
const maxRemembered = 16384

// memory is what a middleware remembers about each customer, and its verdict on
// their last message. A message that is handled again, after a failed handler
// or a refused commit, gets the same verdict and counts once. (After a crash
// there is no memory, so nothing is counted twice either.) A mailbox handles one
// message to its end before the next, so the last one is enough.
//
// Where the bound is reached, those not met for longest are forgotten.
type memory[T any] struct {
	mu        sync.Mutex
	max       int
	order     list.List // of *remembered[T], met last in front
	customers map[PubKey]*list.Element
}

type remembered[T any] struct {
	customer PubKey
	last     string // id of the message judged last
	verdict  verdict
	about    T
}

func newMemory[T any](limit int) *memory[T] {
	return &memory[T]{max: limit, customers: map[PubKey]*list.Element{}}
}

// judge lets f decide about a message, unless it did so before. f is given
// what is remembered, the zero T for a customer not met before, and may change
// it.
func (k *memory[T]) judge(m *Message, f func(*T) verdict) verdict {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, fresh := k.meet(m.From)
	if !fresh && r.last == m.ID {
		return r.verdict
	}
	r.last, r.verdict = m.ID, f(&r.about)
	return r.verdict
}

// with calls f with what is remembered about a customer.
func (k *memory[T]) with(customer PubKey, f func(*T)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, _ := k.meet(customer)
	f(&r.about)
}

// meet returns the customer's entry and moves it to the front.
func (k *memory[T]) meet(customer PubKey) (r *remembered[T], fresh bool) {
	if e, ok := k.customers[customer]; ok {
		k.order.MoveToFront(e)
		return e.Value.(*remembered[T]), false
	}
	if k.order.Len() >= k.max {
		oldest := k.order.Back()
		delete(k.customers, k.order.Remove(oldest).(*remembered[T]).customer)
	}
	r = &remembered[T]{customer: customer}
	k.customers[customer] = k.order.PushFront(r)
	return r, true
}

// gate is middleware that asks judge. A message that does not pass is refused
// under the reason; tell answers it where the verdict is to say so.
func gate(reason string, judge func(*Message) verdict, tell func(*Message)) Middleware {
	return func(next Handler) Handler {
		return func(ctx context.Context, m *Message) error {
			switch judge(m) {
			case pass:
				return next(ctx, m)
			case refuseAloud:
				tell(m)
			}
			m.Refuse(reason)
			return nil
		}
	}
}
