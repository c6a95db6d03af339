package nostrbot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Errors of [Flow.Signal], to be tested with [errors.Is].
var (
	// ErrNoRun says that no run has that key: it ended, timed out, was
	// cancelled, or never was.
	ErrNoRun = errors.New("no such run")
	// ErrNotHandled says that the run's step does not await that event.
	ErrNotHandled = errors.New("the run's step does not await this event")
)

// signal brings an event to a run: see [Flow.Signal].
func (f *flowCore) signal(ctx context.Context, key, event string) error {
	b := f.declared("Signal")
	if err := f.send(ctx, b, key, event); err != nil {
		return fmt.Errorf("nostrbot: signal %q: %w", event, err)
	}
	return nil
}

func (f *flowCore) send(ctx context.Context, b *Bot, key, event string) error {
	if err := CheckRunKey(key); err != nil {
		return err
	}
	if event == "" || len(event) > maxEvent {
		return fmt.Errorf("an event's name has 1 to %d bytes", maxEvent)
	}
	customer, err := b.owner(ctx, key)
	if err != nil {
		return err
	}
	var refusal error
	err = b.do(ctx, customer, letter{id: "signal:" + key + ":" + event, do: func(ctx context.Context, m *Message) error {
		w := m.walks.find(key)
		if refusal = nil; w == nil || w.Flow != f.name {
			refusal = ErrNoRun
			return errNothing
		}
		act := f.byName[w.Step].on[event]
		if act == nil {
			refusal = ErrNotHandled
			return errNothing
		}
		w.Signalled = true
		return f.move(ctx, m, w, bySignal, act)
	}})
	if err != nil { // the job may be under way still
		return err
	}
	return refusal
}

// Where several bots share a store, the turn that begins a run may be another's:
// its commit is waited for. This goes by the machine's time, as that bot does.
const (
	elsewhereTries = 15
	elsewherePause = 200 * time.Millisecond
)

// owner finds whose run it is. A run that a turn of ours has begun and not
// committed is asked for first: once it is not there any more, the Store has
// it, or it never will.
func (b *Bot) owner(ctx context.Context, key string) (PubKey, error) {
	tries := 1
	if _, shared := b.store.(Claimer); shared {
		tries = elsewhereTries
	}
	for {
		if customer, ok := b.flows.starting.owner(key); ok {
			return customer, nil
		}
		r, ok, err := b.store.Run(ctx, b.now(), key)
		if err != nil {
			return PubKey{}, fmt.Errorf("look up the run: %w", err)
		}
		if ok {
			return r.Customer, nil
		}
		if tries--; tries == 0 {
			return PubKey{}, ErrNoRun
		}
		select {
		case <-time.After(elsewherePause):
		case <-ctx.Done():
			return PubKey{}, ctx.Err()
		}
	}
}

// starting are the runs that turns have begun and not committed, by key.
type starting struct {
	mu   sync.Mutex
	runs map[string]PubKey
}

func (s *starting) add(key string, customer PubKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = map[string]PubKey{}
	}
	s.runs[key] = customer
}

func (s *starting) owner(key string) (PubKey, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	customer, ok := s.runs[key]
	return customer, ok
}

// over forgets a customer's: their turn has come to its end.
func (s *starting) over(customer PubKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.runs, func(_ string, c PubKey) bool { return c == customer })
}
