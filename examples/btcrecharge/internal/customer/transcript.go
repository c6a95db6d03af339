package customer

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/dmshop/dmshop/nostrbot/dm"
)

// Transcript collects what a client heard and lets somebody wait for it. The
// zero value is ready; it is safe for concurrent use.
type Transcript struct {
	mu      sync.Mutex
	heard   []dm.Message
	waited  []bool // parallel to heard: taken by Wait
	changed chan struct{}
}

// Hear adds a DM; it fits Config.Hear.
func (t *Transcript) Hear(m dm.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard = append(t.heard, m)
	t.waited = append(t.waited, false)
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// All is what was heard so far, in order.
func (t *Transcript) All() []dm.Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.heard)
}

// WaitAnswer waits until the message id was answered.
func (t *Transcript) WaitAnswer(ctx context.Context, id string) error {
	return t.wait(ctx, func() bool {
		return slices.ContainsFunc(t.heard, func(m dm.Message) bool { return m.ReplyTo == id })
	})
}

// WaitText waits for a DM that contains text, case ignored, and takes it: each
// DM is waited for once.
func (t *Transcript) WaitText(ctx context.Context, text string) error {
	text = strings.ToLower(text)
	return t.wait(ctx, func() bool {
		for i, m := range t.heard {
			if !t.waited[i] && strings.Contains(strings.ToLower(m.Text), text) {
				t.waited[i] = true
				return true
			}
		}
		return false
	})
}

func (t *Transcript) wait(ctx context.Context, found func() bool) error {
	for {
		t.mu.Lock()
		if found() {
			t.mu.Unlock()
			return nil
		}
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
