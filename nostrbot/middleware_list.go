package nostrbot

import (
	"context"
	"sync"
)

// List is a set of customers, to be changed at any time by any goroutine. It
// forgets at exit. The zero value is empty; a List must not be copied.
type List struct {
	mu   sync.RWMutex
	keys map[PubKey]struct{}
}

// NewList makes a list.
func NewList(keys ...PubKey) *List {
	l := new(List)
	l.Add(keys...)
	return l
}

// Add puts customers on the list; one who is there stays.
func (l *List) Add(keys ...PubKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = map[PubKey]struct{}{}
	}
	for _, k := range keys {
		l.keys[k] = struct{}{}
	}
}

// Remove takes customers off the list; one who is not there is no error.
func (l *List) Remove(keys ...PubKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		delete(l.keys, k)
	}
}

// Has tells whether a customer is on the list.
func (l *List) Has(key PubKey) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, ok := l.keys[key]
	return ok
}

// Allow lets only the customers of a list through, and tells the others that it
// is not for them.
//
//	staff := nostrbot.NewList(me)
//	bot.Group(nostrbot.Allow(staff)).Command("stock", "what is left", stock)
func Allow(l *List) Middleware {
	checkList("Allow", l)
	return func(next Handler) Handler {
		return func(ctx context.Context, m *Message) error {
			if !l.Has(m.From) {
				m.Refuse("not-allowed")
				m.Say(textNotAllowed, nil)
				return nil
			}
			return next(ctx, m)
		}
	}
}

// Block meets the customers of a list with silence.
func Block(l *List) Middleware {
	checkList("Block", l)
	return func(next Handler) Handler {
		return func(ctx context.Context, m *Message) error {
			if l.Has(m.From) {
				m.Refuse("blocked")
				return nil
			}
			return next(ctx, m)
		}
	}
}

func checkList(middleware string, l *List) {
	if l == nil {
		panic("nostrbot: " + middleware + ": the list is nil; make one with NewList")
	}
}
