package nostrbot

import (
	"context"
	"encoding/json"
	"fmt"
)

// Chat is a message together with the bot author's own state for this
// customer: any type that survives JSON. A customer without state has the zero
// value of S.
type Chat[S any] struct {
	*Message
	// Key is the idempotency key of the run: at most 40 of [a-z0-9-], the
	// same in all steps of one run of a [Flow], different for each. What a
	// run does outside is keyed by it, and signals are addressed to it. In a
	// handler of [WithState] there is no run, and it is the message's. The
	// message's own is Chat.Message.Key.
	Key string
	// State may be changed in place; it is saved with the replies, in the
	// same commit, when the handler returns nil.
	State *S
}

// WithState makes a handler that has typed state. Handlers that give the same
// name share the state, so they must agree on S; a customer may have several
// states under different names.
//
// State is kept for 7 days after the customer's last message.
func WithState[S any](name string, h func(ctx context.Context, c *Chat[S]) error) Handler {
	if name == "" || h == nil {
		panic("nostrbot: WithState: give the state a name and a handler")
	}
	return func(ctx context.Context, m *Message) error {
		c := &Chat[S]{Message: m, Key: m.Key, State: new(S)}
		if raw, ok := m.sessions[name]; ok {
			if err := json.Unmarshal(raw, c.State); err != nil {
				return fmt.Errorf("nostrbot: read state %q: %w", name, err)
			}
		}
		if err := h(ctx, c); err != nil {
			return err
		}
		raw, err := json.Marshal(c.State)
		if err != nil {
			return fmt.Errorf("nostrbot: save state %q: %w", name, err)
		}
		m.sessions[name] = raw
		return nil
	}
}
