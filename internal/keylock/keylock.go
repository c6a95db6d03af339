// Package keylock lets one call at a time work on a key, within a process.
package keylock

import (
	"context"
	"sync"
)

// Locks are locks by key. The zero value is ready; it holds memory only for keys
// that are locked. It is safe for concurrent use.
type Locks struct {
	mu     sync.Mutex
	locked map[string]chan struct{} // closed on unlock
}

// Lock waits until nobody else has the key, or until ctx ends: then err is its
// error, and nothing is locked. Who waited longest has no precedence.
func (l *Locks) Lock(ctx context.Context, key string) (unlock func(), err error) {
	for {
		l.mu.Lock()
		held, taken := l.locked[key]
		if !taken {
			if l.locked == nil {
				l.locked = map[string]chan struct{}{}
			}
			mine := make(chan struct{})
			l.locked[key] = mine
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				delete(l.locked, key)
				l.mu.Unlock()
				close(mine)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
