package devrelay_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
)

func TestAuth(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{})
	require.NoError(t, r.Publish(note(t, "kept")))
	for _, mode := range []devrelay.AuthMode{devrelay.AuthOnConnect, devrelay.AuthOnDemand, devrelay.AuthSilent} {
		r.Faults.RequireAuth(mode)
		c := dial(t, r)
		var challenge []any
		if mode != devrelay.AuthOnDemand {
			challenge = c.read()
		}
		c.sendText(`["REQ","s",{}]`)
		if mode == devrelay.AuthSilent {
			require.Empty(t, c.collect("s"))
		} else {
			if mode == devrelay.AuthOnDemand {
				challenge = c.read()
			}
			require.Contains(t, c.read()[2], "auth-required:")
		}
		require.Equal(t, "AUTH", challenge[0])
		answer := func(relay, challenge string, at nostr.Timestamp) []any {
			c.send("AUTH", event(t, nostr.Event{Kind: 22242, CreatedAt: at, Tags: nostr.Tags{{"relay", relay}, {"challenge", challenge}}}))
			return c.read()
		}
		word := challenge[1].(string)
		require.Contains(t, answer(r.URL(), "x", nostr.Now())[3], "wrong challenge")
		require.Contains(t, answer("ws://elsewhere", word, nostr.Now())[3], "wrong relay")
		require.Contains(t, answer(r.URL(), word, nostr.Now()-3600)[3], "too far")
		require.Equal(t, true, answer(r.URL()+"/", word, nostr.Now())[2])
		c.sendText(`["REQ","s",{}]`)
		require.Len(t, c.collect("s"), 1)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{})
	f := r.Faults
	c := dial(t, r)
	publish := func(text string) *nostr.Event {
		ev := note(t, text)
		c.send("EVENT", ev)
		return ev
	}
	f.RefuseNextEvents(1, "rate-limited: slow down")
	publish("a")
	require.Equal(t, []any{false, "rate-limited: slow down"}, c.read()[2:])
	publish("a")
	require.Equal(t, true, c.read()[2])
	f.RefuseSkew(time.Minute)
	c.send("EVENT", event(t, nostr.Event{CreatedAt: nostr.Now() - 3600, Kind: 1}))
	require.Contains(t, c.read()[3], "invalid: created_at is too far from now (1h0m")
	f.Clear()

	f.RefuseREQs("error: no")
	c.sendText(`["REQ","s",{}]`)
	require.Equal(t, []any{"CLOSED", "s", "error: no"}, c.read())
	f.Clear()

	f.HoldOKs()
	held := publish("held")
	_, err := r.Wait(c.ctx, devrelay.EVENT, 4)
	require.NoError(t, err)
	c.sendText(`["REQ","s",{"kinds":[99]}]`)
	require.Equal(t, "EOSE", c.read()[0])
	f.ReleaseOKs()
	require.Equal(t, []any{"OK", held.ID, true, ""}, c.read())
	f.DelayOKs(time.Millisecond)
	publish("late")
	require.Equal(t, "OK", c.read()[0])
	f.Clear()

	f.SwallowOKs(true)
	publish("swallowed")
	_, err = r.Wait(c.ctx, devrelay.EVENT, 6)
	require.NoError(t, err)
	f.Clear()
	c.sendText(`["REQ","live",{"#p":["me"]}]`)
	require.Equal(t, "EOSE", c.read()[0])
	toMe := func(text string) *nostr.Event {
		ev := event(t, nostr.Event{Kind: 1, Content: text, Tags: nostr.Tags{{"p", "me"}}})
		require.NoError(t, r.Publish(ev))
		return ev
	}
	content := func() any { return c.read()[2].(map[string]any)["content"] }
	f.WithholdLive(true)
	toMe("never comes")
	f.Clear()
	f.Duplicate(1)
	toMe("twice")
	f.Clear()
	f.HoldLive()
	toMe("1")
	toMe("2")
	f.ReleaseLive(func(held []*nostr.Event) []*nostr.Event { slices.Reverse(held); return held })
	require.NoError(t, r.Inject([]byte(`{"id":"x","kind":1,"content":"forged","tags":[["p","me"]]}`)))
	for _, want := range []string{"twice", "twice", "2", "1", "forged"} {
		require.Equal(t, want, content())
	}
	f.CloseSubscriptions("error: bye")
	require.Equal(t, []any{"CLOSED", "live", "error: bye"}, c.read())
	require.Equal(t, []any{"CLOSED", "s", "error: bye"}, c.read())
	r.SendFrame("[\"NOTICE\",\"hi\"]")
	require.Equal(t, []any{"NOTICE", "hi"}, c.read())

	f.HalfOpen(true)
	c.sendText(`["REQ","half",{"limit":0,"kinds":[99]}]`)
	reqs := r.Count(devrelay.REQ)
	f.HalfOpen(false)
	require.Equal(t, "EOSE", c.read()[0])
	_, err = r.Wait(c.ctx, devrelay.REQ, reqs+1)
	require.NoError(t, err)

	f.CutBeforeOK(1)
	cut := publish("cut")
	_, _, err = c.ws.Read(c.ctx)
	require.Error(t, err)
	require.Len(t, r.Events(nostr.Filter{IDs: []string{cut.ID}}), 1, "stored all the same")

	f.RefuseConnections(true)
	_, _, err = websocket.Dial(c.ctx, r.URL(), nil)
	require.ErrorContains(t, err, "503")
	f.Clear()
	c = dial(t, r)
	f.DropConnections()
	_, _, err = c.ws.Read(c.ctx)
	require.Error(t, err)
}

func TestFaults_OfClockSizeAndKeeping(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{})
	f := r.Faults
	c := dial(t, r)
	publish := func(text string) (*nostr.Event, []any) {
		ev := note(t, text)
		c.send("EVENT", ev)
		return ev, c.read()[2:]
	}
	f.RefuseSkew(time.Hour)
	f.SkewClock(2 * time.Hour)
	_, answer := publish("from a client whose clock is right")
	require.Contains(t, answer[1], "invalid: created_at is too far from now (2h0m")
	f.SkewClock(-time.Minute)
	_, answer = publish("near enough")
	require.Equal(t, true, answer[0])

	f.CapMessages(1000)
	_, answer = publish(strings.Repeat("x", 1000))
	require.Equal(t, []any{false, "invalid: message is longer than 1000 bytes"}, answer)
	f.Clear()

	f.LoseEvents(true)
	lost, answer := publish("lost")
	require.Equal(t, true, answer[0])
	require.Empty(t, r.Events(nostr.Filter{IDs: []string{lost.ID}}))
	f.Clear()

	var before []string
	f.BeforeOK(func(ev *nostr.Event) {
		require.Len(t, r.Events(nostr.Filter{IDs: []string{ev.ID}}), 1, "it is stored")
		before = append(before, ev.Content)
	})
	publish("seen")
	f.RefuseNextEvents(1, "error: no")
	publish("not accepted")
	require.Equal(t, []string{"seen"}, before)
	f.Clear()

	c.sendText(`["REQ","live",{"limit":0}]`)
	require.Equal(t, "EOSE", c.read()[0])
	f.DelayLive(time.Millisecond)
	require.NoError(t, r.Publish(note(t, "delayed")))
	require.Equal(t, "EVENT", c.read()[0])
}

// A half-open relay can be closed, with a client hanging in the handshake too.
func TestCloseWhileHalfOpen(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{})
	c := dial(t, r)
	_, err := r.Wait(c.ctx, devrelay.Connected, 1)
	require.NoError(t, err)
	r.Faults.HalfOpen(true)
	failed := make(chan error)
	go func() {
		_, _, err := websocket.Dial(c.ctx, r.URL(), nil)
		failed <- err
	}()
	require.NoError(t, r.Close())
	require.Error(t, <-failed)
	_, err = r.Wait(t.Context(), devrelay.Disconnected, 1)
	require.NoError(t, err)
}

func TestWait(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{})
	c := dial(t, r)
	_, err := r.Wait(c.ctx, devrelay.Connected, 1)
	require.NoError(t, err)
	c.sendText(`["REQ","first",{"kinds":[4]}]`)
	seen, err := r.Wait(c.ctx, devrelay.REQ, 1)
	require.NoError(t, err)
	require.Equal(t, "first", seen.Sub)
	require.Equal(t, []int{4}, seen.Filters[0].Kinds)
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	_, err = r.Wait(ctx, devrelay.REQ, 2)
	require.ErrorIs(t, err, context.Canceled)
}
