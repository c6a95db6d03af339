package devrelay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/internal/devrelay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is a bare socket.
type client struct {
	t   *testing.T
	ws  *websocket.Conn
	ctx context.Context
}

func start(t *testing.T, opts devrelay.Options) *devrelay.Relay {
	t.Helper()
	r, err := devrelay.Start("127.0.0.1:0", opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func dial(t *testing.T, r *devrelay.Relay) *client {
	t.Helper()
	return dialWith(t, r, nil)
}

func dialWith(t *testing.T, r *devrelay.Relay, opts *websocket.DialOptions) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ws, _, err := websocket.Dial(ctx, r.URL(), opts)
	require.NoError(t, err)
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{t, ws, ctx}
}

func (c *client) send(parts ...any) {
	c.t.Helper()
	b, err := json.Marshal(parts)
	require.NoError(c.t, err)
	c.sendText(string(b))
}

func (c *client) sendText(s string) {
	c.t.Helper()
	require.NoError(c.t, c.ws.Write(c.ctx, websocket.MessageText, []byte(s)))
}

// read returns the next frame's elements.
func (c *client) read() []any {
	c.t.Helper()
	_, b, err := c.ws.Read(c.ctx)
	require.NoError(c.t, err)
	var parts []any
	require.NoError(c.t, json.Unmarshal(b, &parts), string(b))
	return parts
}

// collect reads events until EOSE and returns their ids.
func (c *client) collect(sub string) []string {
	c.t.Helper()
	ids := []string{}
	for {
		f := c.read()
		if f[0] == "EOSE" {
			require.Equal(c.t, sub, f[1])
			return ids
		}
		require.Equal(c.t, "EVENT", f[0], "%v", f)
		ids = append(ids, f[2].(map[string]any)["id"].(string))
	}
}

var secret = nostr.GeneratePrivateKey()

func event(t testing.TB, ev nostr.Event) *nostr.Event {
	t.Helper()
	if ev.CreatedAt == 0 {
		ev.CreatedAt = nostr.Now()
	}
	require.NoError(t, ev.Sign(secret))
	return &ev
}

func note(t testing.TB, text string) *nostr.Event {
	return event(t, nostr.Event{Kind: 1, Content: text})
}

func TestEvent(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{})
	c := dial(t, r)
	ev := note(t, "hello")
	c.send("EVENT", ev)
	require.Equal(t, []any{"OK", ev.ID, true, ""}, c.read())
	c.send("EVENT", ev)
	require.Equal(t, []any{"OK", ev.ID, true, "duplicate: already have this event"}, c.read())

	forged := *ev
	forged.Content = "other"
	c.send("EVENT", forged)
	require.Equal(t, []any{"OK", ev.ID, false, "invalid: id is not the event's hash"}, c.read())
	forged.ID = forged.GetID()
	c.send("EVENT", forged)
	require.Equal(t, []any{"OK", forged.ID, false, "invalid: signature does not verify"}, c.read())
	require.Len(t, r.Events(), 1)
}

func TestQuery(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{MaxLimit: 4})
	var ids []string
	for i := range 6 {
		ev := event(t, nostr.Event{Kind: 1 + i%2, CreatedAt: nostr.Timestamp(100 + i), Tags: nostr.Tags{{"p", fmt.Sprint(i)}}})
		ids = append(ids, ev.ID)
		require.NoError(t, r.Publish(ev))
	}
	author := r.Events()[0].PubKey
	pick := func(at ...int) []string {
		picked := []string{}
		for _, i := range at {
			picked = append(picked, ids[i])
		}
		return picked
	}
	c := dial(t, r)
	for name, tt := range map[string]struct {
		filters string
		want    []string
	}{
		"all, capped":       {`{}`, pick(5, 4, 3, 2)},
		"ids":               {`{"ids":["` + ids[1] + `"]}`, pick(1)},
		"author":            {`{"authors":["` + author + `"],"limit":1}`, pick(5)},
		"other author":      {`{"authors":["` + ids[0] + `"]}`, pick()},
		"kind":              {`{"kinds":[2]}`, pick(5, 3, 1)},
		"tag":               {`{"#p":["0","3"]}`, pick(3, 0)},
		"since and until":   {`{"since":101,"until":103}`, pick(3, 2, 1)},
		"limit":             {`{"limit":2}`, pick(5, 4)},
		"limit 0":           {`{"limit":0}`, pick()},
		"two filters":       {`{"#p":["0"]},{"kinds":[1],"limit":1}`, pick(4, 0)},
		"each event once":   {`{"#p":["0"]},{"ids":["` + ids[0] + `"]}`, pick(0)},
		"two tags are both": {`{"#p":["0"],"#e":["x"]}`, pick()},
	} {
		c.sendText(`["REQ","` + name + `",` + tt.filters + `]`)
		require.Equal(t, tt.want, c.collect(name), name)
		c.send("CLOSE", name)
	}
}

func TestReplaceable(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{})
	at := func(second, kind int, d string) *nostr.Event {
		return event(t, nostr.Event{Kind: kind, CreatedAt: nostr.Timestamp(second), Tags: nostr.Tags{{"d", d}}, Content: fmt.Sprint(second)})
	}
	for _, kind := range []int{0, 10050} {
		require.NoError(t, r.Publish(at(10, kind, "")))
		require.NoError(t, r.Publish(at(11, kind, "")))
		require.ErrorContains(t, r.Publish(at(9, kind, "")), "replaced:")
		events := r.Events(nostr.Filter{Kinds: []int{kind}})
		require.Len(t, events, 1)
		require.Equal(t, "11", events[0].Content)
	}
	require.NoError(t, r.Publish(at(10, 31990, "a")))
	require.NoError(t, r.Publish(at(10, 31990, "b")))
	require.NoError(t, r.Publish(at(11, 31990, "a")))
	require.Len(t, r.Events(nostr.Filter{Kinds: []int{31990}}), 2)
	one, other := at(20, 3, ""), event(t, nostr.Event{Kind: 3, CreatedAt: 20, Content: "same second"})
	low, high := one, other
	if low.ID > high.ID {
		low, high = high, low
	}
	require.NoError(t, r.Publish(high))
	require.NoError(t, r.Publish(low), "the lower id stands")
	require.Error(t, r.Publish(high))
	require.NoError(t, r.Publish(event(t, nostr.Event{Kind: 10000, Tags: nostr.Tags{{"d"}, {}}})), "tags without values")
}

func TestLive(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{})
	sub, pub := dial(t, r), dial(t, r)
	sub.sendText(`["REQ","s",{"kinds":[7]}]`)
	require.Empty(t, sub.collect("s"))
	sub.sendText(`["REQ","s",{"kinds":[1,22222]}]`)
	require.Empty(t, sub.collect("s"), "the same id is replaced")

	ephemeral := event(t, nostr.Event{Kind: 22222})
	for _, ev := range []*nostr.Event{event(t, nostr.Event{Kind: 7}), ephemeral, note(t, "a")} {
		pub.send("EVENT", ev)
		require.Equal(t, true, pub.read()[2])
	}
	require.Equal(t, ephemeral.ID, sub.read()[2].(map[string]any)["id"])
	require.Equal(t, "a", sub.read()[2].(map[string]any)["content"])
	require.Empty(t, r.Events(nostr.Filter{Kinds: []int{22222}}), "ephemeral events are not stored")

	sub.send("CLOSE", "s")
	_, err := r.Wait(sub.ctx, devrelay.CLOSE, 1)
	require.NoError(t, err)
	require.NoError(t, r.Publish(note(t, "unheard")))
	sub.sendText(`["REQ","end",{"limit":0}]`)
	require.Equal(t, "EOSE", sub.read()[0])
}

// Whatever the moment of the REQ, each event comes exactly once, in order.
func TestNoGapBetweenStoredAndLive(t *testing.T) {
	t.Parallel()
	const n = 300
	r := start(t, devrelay.Options{})
	events := make([]*nostr.Event, n)
	for i := range events {
		events[i] = event(t, nostr.Event{Kind: 1, CreatedAt: nostr.Timestamp(1000 - i)}) // newest first is also the order of acceptance
	}
	go func() {
		for _, ev := range events {
			_ = r.Publish(ev) // what is missing is seen below
		}
	}()
	for range 5 {
		c := dial(t, r)
		c.sendText(`["REQ","s",{}]`)
		for i := 0; i < n; {
			if f := c.read(); f[0] == "EVENT" {
				require.Equal(t, events[i].ID, f[2].(map[string]any)["id"])
				i++
			}
		}
	}
}

func TestBadMessages(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{MaxMessage: 4096, MaxSubscriptions: 2})
	c := dial(t, r)
	for _, bad := range []string{
		`nonsense`, `{}`, `[]`, `[1]`, `["WHAT"]`, `["EVENT"]`, `["EVENT",1]`, `["EVENT",{"kind":"x"}]`, `["EVENT",{}] x`,
		`["REQ"]`, `["REQ",""]`, `["REQ","s"]`, `["REQ","s",null]`, `["REQ","s",{"kinds":"x"}]`, `["CLOSE"]`, `["EVENT",{},1]`,
		`["REQ","` + strings.Repeat("s", 65) + `",{}]`, `["REQ","s"` + strings.Repeat(",{}", 21) + `]`,
		`["REQ","` + strings.Repeat("s", 5000) + `",{}]`,
	} {
		c.sendText(bad)
		f := c.read()
		if f[0] == "OK" {
			require.Equal(t, false, f[2], bad)
			continue
		}
		require.Equal(t, "NOTICE", f[0], bad)
		require.Contains(t, f[1], "invalid: ", bad)
	}
	long := note(t, strings.Repeat("x", 5000))
	c.sendText(`["EVENT",{"id":"` + long.ID + `","content":"` + long.Content + `"}]`)
	require.Equal(t, []any{"OK", long.ID, false, "invalid: message is longer than 4096 bytes"}, c.read())
	for i := range 3 {
		c.sendText(fmt.Sprintf(`["REQ","%d",{}]`, i))
		f := c.read()
		if i < 2 {
			require.Equal(t, "EOSE", f[0])
		} else {
			require.Equal(t, []any{"CLOSED", "2", "error: more than 2 subscriptions"}, f)
		}
	}
	_ = c.ws.Write(c.ctx, websocket.MessageText, []byte(strings.Repeat("x", 8*4096+2))) // may be cut off while it writes
	_, _, err := c.ws.Read(c.ctx)
	require.Error(t, err, "far too long")
}

func TestStalledSubscriberIsCutOff(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{Queue: 10, Write: 20 * time.Second})
	pub := dial(t, r)
	stalled := dialWith(t, r, &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil { // a small buffer is full sooner
				err = conn.(*net.TCPConn).SetReadBuffer(4096)
			}
			return conn, err
		},
	}}})
	stalled.sendText(`["REQ","s",{}]`)
	_, err := r.Wait(stalled.ctx, devrelay.REQ, 1)
	require.NoError(t, err)
	big := strings.Repeat("x", 200_000)
	for i := 0; r.Count(devrelay.Disconnected) == 0; i++ {
		require.Less(t, i, 100)
		ev := note(t, big+fmt.Sprint(i))
		pub.send("EVENT", ev)
		require.Equal(t, []any{"OK", ev.ID, true, ""}, pub.read())
	}
}

func TestStoreIsBounded(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{MaxEvents: 3})
	for i := range 5 {
		require.NoError(t, r.Publish(note(t, fmt.Sprint(i))))
	}
	var texts []string
	for _, ev := range r.Events() {
		texts = append(texts, ev.Content)
	}
	require.Equal(t, []string{"2", "3", "4"}, texts)
}

func TestInfo(t *testing.T) {
	t.Parallel()
	r := start(t, devrelay.Options{Name: "mine"})
	get := func(accept string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(r.URL(), "ws"), nil)
		require.NoError(t, err)
		req.Header.Set("Accept", accept)
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(b)
	}
	info := get("application/nostr+json")
	require.Contains(t, info, `"name":"mine"`)
	require.Contains(t, info, `"max_message_length":1048576`)
	require.Contains(t, info, `"auth_required":false`)
	require.Contains(t, get("*/*"), "mine is a Nostr relay")
}

func TestTrusting(t *testing.T) {
	t.Parallel()
	for _, trusting := range []bool{false, true} {
		r := devrelay.New(devrelay.Options{Trusting: trusting})
		require.Equal(t, trusting, r.Publish(&nostr.Event{ID: strings.Repeat("0", 64), Kind: 1}) == nil)
		require.NoError(t, r.Close())
	}
}
