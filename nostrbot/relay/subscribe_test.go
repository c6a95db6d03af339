package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestStoredAndLive(t *testing.T) {
	t.Parallel()
	one, two := startRelay(t, devrelay.Options{}), startRelay(t, devrelay.Options{})
	kept := toMe(t, "kept")
	require.NoError(t, one.Publish(kept))
	b := startPool(t, relay.Config{URLs: []string{one.URL(), two.URL() + "/", one.URL()}})
	require.Equal(t, relay.Delivery{Event: kept, Relay: one.URL(), Stored: true}, b.next())
	b.eventually(one.URL(), isLive)
	b.eventually(two.URL(), isLive)
	require.Len(t, b.Health(), 2, "each relay once")

	live := toMe(t, "live")
	require.NoError(t, two.Publish(live))
	require.Equal(t, relay.Delivery{Event: live, Relay: two.URL()}, b.next())
	leg := b.leg(two.URL())
	require.True(t, leg.Connected && leg.CaughtUp)
	require.Equal(t, []uint64{1, 1, 1, 0}, []uint64{leg.Connects, leg.Reqs, leg.Events, leg.Rejected})
}

// Filters are computed for each REQ, so that a window moves with the clock.
func TestReconnectAsksAnew(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	var calls atomic.Int64
	got := make(chan relay.Delivery, 10)
	b := startPool(t, relay.Config{
		URLs: []string{r.URL()},
		Filters: func(now time.Time) []nostr.Filter {
			since := nostr.Timestamp(calls.Add(1))
			return []nostr.Filter{{Kinds: []int{1059}, Since: &since}}
		},
		Deliver: func(_ context.Context, d relay.Delivery) { got <- d },
	})
	first := b.wait(r, devrelay.REQ, 1)
	b.eventually(r.URL(), isLive)
	r.Faults.RefuseConnections(true)
	r.Faults.DropConnections()
	b.eventually(r.URL(), func(l relay.Leg) bool { return !l.Live && !l.Connected && l.Err != nil })
	require.NoError(t, r.Publish(toMe(t, "while away")))
	r.Faults.RefuseConnections(false)
	second := b.wait(r, devrelay.REQ, 2)
	require.EqualValues(t, 1, *first.Filters[0].Since)
	require.EqualValues(t, 2, *second.Filters[0].Since)
	require.NotEqual(t, first.Sub, second.Sub)
	require.Equal(t, "while away", (<-got).Event.Content)
	b.eventually(r.URL(), isLive)
	r.Faults.CloseSubscriptions("error: on the same socket")
	require.EqualValues(t, 3, *b.wait(r, devrelay.REQ, 3).Filters[0].Since)
}

func TestClosedEndsInFreshREQ(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{
		"auth-required: who are you", "rate-limited: slow", "error: shutting down", "restricted: no",
		"blocked: you", "invalid: filter", "unsupported: tag", "pow: 20", "no prefix", "",
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, devrelay.Options{})
			r.Faults.RefuseNextREQs(2, cmpOr(reason, " "))
			b := startPool(t, relay.Config{URLs: []string{r.URL()}})
			b.eventually(r.URL(), isLive)
			r.Faults.CloseSubscriptions(reason)
			b.wait(r, devrelay.REQ, 4)
			b.eventually(r.URL(), isLive)
			require.NoError(t, r.Publish(toMe(t, "heard")))
			b.expect("heard")
			ids := make(map[string]bool)
			for n := range 4 {
				ids[b.wait(r, devrelay.REQ, n+1).Sub] = true
			}
			require.Len(t, ids, 4, "each REQ has its own id")
			require.Equal(t, 1, r.Count(devrelay.Connected), "on the same socket")
		})
	}
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// A relay that serves altered copies of an event keeps nobody from getting it.
func TestForgeries(t *testing.T) {
	t.Parallel()
	hostile, honest := startRelay(t, devrelay.Options{}), startRelay(t, devrelay.Options{})
	ev := toMe(t, "real")
	forge := func(change func(*nostr.Event)) {
		forged := *ev
		change(&forged)
		require.NoError(t, hostile.Inject(raw(t, &forged)))
	}
	forge(func(e *nostr.Event) { e.ID = strings.Repeat("0", 64) })
	forge(func(e *nostr.Event) { e.Content = "forged" })
	forge(func(e *nostr.Event) { e.PubKey = me })
	forge(func(e *nostr.Event) { e.Sig = e.Sig + "00" })
	forge(func(e *nostr.Event) { e.ID = strings.ToUpper(e.ID) })
	b := startPool(t, relay.Config{URLs: []string{hostile.URL(), honest.URL()}})
	b.eventually(hostile.URL(), func(l relay.Leg) bool { return l.Live && l.Rejected == 5 })
	require.NoError(t, honest.Publish(ev))
	d := b.next()
	require.Equal(t, honest.URL(), d.Relay)
	require.Equal(t, "real", d.Event.Content)

	asked := fmt.Sprintf(`["EVENT","whatever",%s]`, raw(t, signed(t, nostr.Event{Kind: 1, Tags: nostr.Tags{{"p", me}}})))
	hostile.SendFrame(asked)
	hostile.SendFrame(fmt.Sprintf(`["EVENT","whatever",%s]`, raw(t, signed(t, nostr.Event{Kind: 1059, Tags: nostr.Tags{{"p", "other"}}}))))
	b.eventually(hostile.URL(), func(l relay.Leg) bool { return l.Rejected == 7 })
	require.Empty(t, b.got, "what was not asked for is not delivered")
}

var malformed = []string{
	``, ` `, `null`, `{}`, `[]`, `[null]`, `[1]`, `nonsense`, `["EVENT"`, `["EVENT","1`, `["EVENT","1:",{"id":"abc"}]`,
	`["EVENT","s",null]`, `["EVENT","s",[]]`, `["EVENT","s",{"kind":"x"}]`, `["EVENT",1,{}]`, `["OK"]`, `["OK","x",true]`,
	`["OK",1,true,""]`, `["EOSE"]`, `["EOSE",""]`, `["EOSE",{}]`, `["CLOSED"]`, `["CLOSED","","x"]`, `["NOTICE"]`,
	`["NOTICE",{}]`, `["AUTH"]`, `["AUTH",""]`, `["AUTH",[]]`, `["EOSE","s"]]`, `["EOSE","s"] []`,
	"[\"EVENT\",\"\xff\xfe\",{}]", strings.Repeat("[", 20_000), `["X"` + strings.Repeat(",1", 50) + `]`,
	`["EVENT","s",{"tags":[null,[]],"id":"` + me + `","pubkey":"` + me + `"}]`,
}

func TestMalformedFrames(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := startPool(t, relay.Config{URLs: []string{r.URL()}, Sign: sign})
	b.eventually(r.URL(), isLive)
	for _, frame := range malformed {
		r.SendFrame(frame)
	}
	r.SendFrame(`["NOTICE","fine"]`)
	r.SendFrame(`["COUNT","s",{"count":1}]`)
	r.SendFrame(`["EOSE","nobody's"]`)
	r.SendFrame(`["CLOSED","nobody's"]`)
	r.SendFrame(`["OK","` + me + `",true]`)
	require.NoError(t, r.Publish(toMe(t, "after")))
	b.expect("after")
	leg := b.leg(r.URL())
	require.EqualValues(t, len(malformed), leg.Rejected)
	require.EqualValues(t, 1, leg.Connects, "they do not end the connection")

	for range 300 {
		r.SendFrame("nonsense")
	}
	b.wait(r, devrelay.Connected, 2)
	require.NoError(t, r.Publish(toMe(t, "after the flood")))
	b.expect("after the flood")
}

// One event that is too big must not cut off all that the relay sends after it.
func TestHugeEventIsSkipped(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	require.NoError(t, r.Publish(toMe(t, "before")))
	require.NoError(t, r.Publish(toMe(t, strings.Repeat("x", 700<<10))))
	require.NoError(t, r.Publish(toMe(t, "after")))
	big := toMe(t, strings.Repeat("y", 400<<10))
	require.NoError(t, r.Publish(big))
	b := startPool(t, relay.Config{URLs: []string{r.URL()}})
	require.Equal(t, 3, b.expect("before", "after", big.Content))
	b.eventually(r.URL(), isLive)
	leg := b.leg(r.URL())
	require.EqualValues(t, 1, leg.Connects)
	require.EqualValues(t, 1, leg.Rejected)
}

func TestEndlessMessageEndsTheConnection(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := startPool(t, relay.Config{URLs: []string{r.URL()}})
	b.eventually(r.URL(), isLive)
	r.SendFrame(strings.Repeat("x", 17<<20))
	b.wait(r, devrelay.Connected, 2)
	b.eventually(r.URL(), isLive)
	require.ErrorContains(t, b.leg(r.URL()).Err, "endless")
}

// On a real socket the kernel takes our pings for a peer that is gone.
func TestHalfOpenSocketIsNoticed(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := startPool(t, relay.Config{URLs: []string{r.URL()}, Timing: relay.Timing{Ping: 50 * time.Millisecond, Dead: time.Second}})
	b.eventually(r.URL(), isLive)
	r.Faults.HalfOpen(true)
	b.eventually(r.URL(), func(l relay.Leg) bool { return !l.Connected })
	require.ErrorContains(t, b.leg(r.URL()).Err, "half-open")
}

// A black hole takes the connection and never says a word.
func TestBlackHoleDelaysNobody(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	r := startRelay(t, devrelay.Options{})
	require.NoError(t, r.Publish(toMe(t, "kept")))
	hole := "ws://" + ln.Addr().String()
	start := time.Now()
	b := startPool(t, relay.Config{URLs: []string{hole, r.URL()}})
	b.expect("kept")
	verdicts := b.Publish(b.ctx, raw(t, toMe(t, "x")))
	require.Less(t, time.Since(start), 5*time.Second, "the connect timeout is 15 s")
	require.ErrorIs(t, verdicts[0].Err, relay.ErrNotConnected)
	require.Equal(t, relay.NoAnswer, verdicts[0].Status)
	require.True(t, verdicts[1].Delivered())
}

// Relays cap their answers; the rest is fetched page by page, also where more
// events than a page holds share a second.
func TestBacklogIsFetchedInFull(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{MaxLimit: 30})
	var texts []string
	for i := range 150 {
		text := fmt.Sprint(i)
		texts = append(texts, text)
		require.NoError(t, r.Publish(signed(t, nostr.Event{
			Kind: 1059, Content: text, Tags: nostr.Tags{{"p", me}}, CreatedAt: nostr.Timestamp(1_700_000_000 + i/20),
		})))
	}
	b := startPool(t, relay.Config{URLs: []string{r.URL()}})
	b.expect(texts...)
	b.eventually(r.URL(), func(l relay.Leg) bool { return l.CaughtUp })
	require.EqualValues(t, 1, b.leg(r.URL()).Reqs)
	b.wait(r, devrelay.CLOSE, r.Count(devrelay.REQ)-1) // all but the live one
}

// Pages are asked for again too.
func TestPageRefused(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{MaxLimit: 30})
	var texts []string
	for i := range 50 {
		texts = append(texts, fmt.Sprint(i))
		require.NoError(t, r.Publish(signed(t, nostr.Event{
			Kind: 1059, Content: texts[i], Tags: nostr.Tags{{"p", me}}, CreatedAt: nostr.Timestamp(1_700_000_000 + i),
		})))
	}
	var refused atomic.Int64
	r.Faults.RefuseREQsFunc(func(_ string, filters []nostr.Filter) string {
		if filters[0].Until != nil && refused.Add(1) <= 3 {
			return "rate-limited: slow down"
		}
		return ""
	})
	b := startPool(t, relay.Config{URLs: []string{r.URL()}})
	b.expect(texts...)
	require.GreaterOrEqual(t, refused.Load(), int64(4))
	require.EqualValues(t, 1, b.leg(r.URL()).Reqs)
}

// A handler that waits for its own answer's OK on the relay that floods it.
func TestBlockedDeliverStillPublishes(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	var texts []string
	for i := range 300 {
		texts = append(texts, fmt.Sprint("stored ", i))
		require.NoError(t, r.Publish(toMe(t, texts[i])))
	}
	r.Faults.IgnoreLimits(true) // pours out all at each REQ
	var b *bench
	ready := make(chan struct{})
	overflowed := make(chan struct{})
	var once sync.Once
	var verdict relay.Verdict
	answer := raw(t, toMe(t, "answer"))
	got := make(chan relay.Delivery, 10_000)
	b = startPool(t, relay.Config{
		URLs:    []string{r.URL()},
		Filters: everyMine,
		Deliver: func(ctx context.Context, d relay.Delivery) {
			once.Do(func() {
				<-ready
				<-overflowed
				verdict = b.Publish(ctx, answer)[0]
			})
			got <- d
		},
	})
	close(ready)
	b.got = got
	b.eventually(r.URL(), func(l relay.Leg) bool { return l.Overflows > 0 })
	require.LessOrEqual(t, b.leg(r.URL()).Queued, 256)
	require.False(t, b.leg(r.URL()).Live)
	close(overflowed)
	b.expect(append(texts, "answer")...)
	require.True(t, verdict.Delivered(), "%+v", verdict)
	b.eventually(r.URL(), func(l relay.Leg) bool { return l.Live && l.CaughtUp })
}

func TestDeliverMayPanic(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	got := make(chan string, 10)
	b := startPool(t, relay.Config{
		URLs:    []string{r.URL()},
		Filters: everyMine,
		Deliver: func(_ context.Context, d relay.Delivery) {
			if d.Event.Content == "bad" {
				panic("hostile event")
			}
			got <- d.Event.Content
		},
	})
	b.eventually(r.URL(), isLive)
	require.NoError(t, r.Publish(toMe(t, "bad")))
	require.NoError(t, r.Publish(toMe(t, "good")))
	require.Equal(t, "good", <-got)
}

// The event of a subscription that was just replaced is not lost: an
// ephemeral one would never come again.
func TestEventUnderAnOldID(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := startPool(t, relay.Config{URLs: []string{r.URL()}})
	b.eventually(r.URL(), isLive)
	frame, err := json.Marshal([]any{"EVENT", "long gone", toMe(t, "late")})
	require.NoError(t, err)
	r.SendFrame(string(frame))
	require.Equal(t, "late", b.next().Event.Content)
}

func TestOnUp(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	r.Faults.RefuseConnections(true)
	ups := make(chan string, 10)
	b := startPool(t, relay.Config{URLs: []string{r.URL()}, OnUp: func(url string) { ups <- url }})
	b.eventually(r.URL(), func(l relay.Leg) bool { return l.Err != nil })
	require.Empty(t, ups)
	r.Faults.RefuseConnections(false)
	require.Equal(t, r.URL(), <-ups)
	require.True(t, b.Publish(b.ctx, raw(t, toMe(t, "x")))[0].Delivered(), "up means that publishing works")
	r.Faults.DropConnections()
	require.Equal(t, r.URL(), <-ups)
}
