package relay_test

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/fiatjaf/khatru"
	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

// lockedStore is as much of a database as khatru needs.
type lockedStore struct {
	mu     sync.Mutex
	events []*nostr.Event
}

func (s *lockedStore) save(_ context.Context, ev *nostr.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, ev)
	return nil
}

func (s *lockedStore) query(_ context.Context, f nostr.Filter) (chan *nostr.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(chan *nostr.Event, len(s.events))
	for _, ev := range s.events {
		if f.Matches(ev) {
			copied := *ev
			out <- &copied
		}
	}
	close(out)
	return out, nil
}

// TestKhatru talks to a relay that is not ours: stored and live events, a
// duplicate, a refusal, and AUTH demanded with the first REQ.
func TestKhatru(t *testing.T) {
	t.Parallel()
	store := &lockedStore{}
	r := khatru.NewRelay()
	r.Log = log.New(io.Discard, "", 0)
	r.StoreEvent = append(r.StoreEvent, store.save)
	r.QueryEvents = append(r.QueryEvents, store.query)
	r.RejectEvent = append(r.RejectEvent, func(_ context.Context, ev *nostr.Event) (bool, string) {
		return ev.Content == "bad", "blocked: not that"
	})
	r.RejectFilter = append(r.RejectFilter, func(ctx context.Context, _ nostr.Filter) (bool, string) {
		return khatru.GetAuthed(ctx) == "", "auth-required: who are you"
	})
	server := httptest.NewServer(r)
	defer server.Close()
	require.NoError(t, store.save(t.Context(), toMe(t, "kept")))

	url := "ws" + strings.TrimPrefix(server.URL, "http")
	b := startPool(t, relay.Config{URLs: []string{url}, Sign: sign})
	d := b.next()
	require.Equal(t, "kept", d.Event.Content)
	require.True(t, d.Stored)
	b.eventually(url, func(l relay.Leg) bool { return l.Live && l.Authed })

	live := raw(t, toMe(t, "live"))
	require.True(t, b.Publish(b.ctx, live)[0].Delivered())
	d = b.next()
	require.Equal(t, "live", d.Event.Content)
	require.False(t, d.Stored)
	require.True(t, b.Publish(b.ctx, live)[0].Delivered(), "again")
	v := b.Publish(b.ctx, raw(t, toMe(t, "bad")))[0]
	require.Equal(t, relay.Refused, v.Status)
	require.Equal(t, "blocked: not that", v.Reason)
	answers := b.Fetch(b.ctx, nostr.Filter{Kinds: []int{1059}})
	require.NoError(t, answers[0].Err)
	require.Len(t, answers[0].Events, 2)
}
