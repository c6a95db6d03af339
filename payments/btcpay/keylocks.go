package btcpay

import (
	"context"
	"sync"
)

// keyLocks lets one call at a time work on a key, within this process.
type keyLocks struct {
	mu     sync.Mutex
	locked map[string]chan struct{} // closed on unlock
}

func (l *keyLocks) lock(ctx context.Context, key string) (unlock func(), err error) {
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
