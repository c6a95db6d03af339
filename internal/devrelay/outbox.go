package devrelay

import (
	"context"
	"encoding/json"
	"sync"
)

// item is a frame on its way: ready-made, or an event for a subscription,
// whose bytes are shared until it is written.
type item struct {
	frame  []byte
	sub    string
	event  []byte
	stored bool
}

func (i item) bytes() []byte {
	if i.frame != nil {
		return i.frame
	}
	b := make([]byte, 0, len(i.event)+len(i.sub)+16)
	b = append(b, `["EVENT",`...)
	sub, _ := json.Marshal(i.sub) // a string always encodes
	b = append(b, sub...)
	b = append(b, ',')
	b = append(b, i.event...)
	return append(b, ']')
}

// outbox is what waits to be written to one client. Pushing never waits. The
// answers to a REQ are not counted against the limit, since they come at once;
// instead the next message is read only when few of them are left.
type outbox struct {
	mu     sync.Mutex
	items  []item
	stored int
	moved  chan struct{} // closed when something was pushed or popped
}

func newOutbox() *outbox { return &outbox{moved: make(chan struct{})} }

func (o *outbox) push(i item, limit int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i.stored {
		o.stored++
	} else if len(o.items)-o.stored >= limit {
		return false
	}
	o.items = append(o.items, i)
	o.notify()
	return true
}

func (o *outbox) notify() {
	close(o.moved)
	o.moved = make(chan struct{})
}

func (o *outbox) pop(ctx context.Context) (item, bool) {
	for ctx.Err() == nil {
		o.mu.Lock()
		moved := o.moved
		if len(o.items) > 0 {
			i := o.items[0]
			o.items[0] = item{}
			o.items = o.items[1:]
			if i.stored {
				o.stored--
			}
			o.notify()
			o.mu.Unlock()
			return i, true
		}
		o.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
	return item{}, false
}

// waitStored waits until at most limit stored events are left to be written.
func (o *outbox) waitStored(ctx context.Context, limit int) bool {
	for ctx.Err() == nil {
		o.mu.Lock()
		stored, moved := o.stored, o.moved
		o.mu.Unlock()
		if stored <= limit {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
	return false
}
