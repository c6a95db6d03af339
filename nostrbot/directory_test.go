package nostrbot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/internal/safedial"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

// aDirectory is one over relays of this process, by a clock that stands.
func aDirectory(t *testing.T, relays ...*devrelay.Relay) (*directory, *stoppedClock) {
	t.Helper()
	var urls []string
	for _, r := range relays {
		urls = append(urls, r.URL())
	}
	clock := &stoppedClock{now: time.Now()}
	b := &Bot{cfg: Config{Clock: clock}}
	var err error
	b.pool, err = relay.New(relay.Config{URLs: urls})
	require.NoError(t, err)
	d := &b.directory
	d.init(b, urls, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.pool.Run(ctx) })
	d.run(ctx, &wg)
	t.Cleanup(func() { cancel(); wg.Wait() })
	return d, clock
}

type stoppedClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *stoppedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}
func (c *stoppedClock) After(time.Duration) <-chan time.Time { return nil }
func (c *stoppedClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func aRelay(t *testing.T) *devrelay.Relay {
	t.Helper()
	r, err := devrelay.Start("127.0.0.1:0", devrelay.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

type aPerson struct {
	Signer
	key PubKey
}

func newPerson(t *testing.T) aPerson {
	t.Helper()
	nsec, err := dm.GenerateKey()
	require.NoError(t, err)
	p := aPerson{Signer: Nsec(nsec)}
	p.key, err = p.PubKey()
	require.NoError(t, err)
	return p
}

func (p aPerson) lists(t *testing.T, r *devrelay.Relay, kind int, at time.Time, relays ...string) {
	t.Helper()
	ev := dm.RelayList{Kind: kind, At: at, Read: relays}.Event()
	require.NoError(t, p.Sign(t.Context(), ev))
	require.NoError(t, r.Publish(ev))
}

func TestDirectory_NewestListOfSeveralRelaysWins(t *testing.T) {
	t.Parallel()
	one, two, three := aRelay(t), aRelay(t), aRelay(t)
	d, clock := aDirectory(t, one, two, three)
	alice, now := newPerson(t), clock.Now()
	alice.lists(t, one, dm.KindInboxRelays, now.Add(-time.Hour), "wss://old.example")
	alice.lists(t, two, dm.KindInboxRelays, now.Add(-time.Minute), "wss://new.example")
	alice.lists(t, three, dm.KindRelays, now, "wss://general.example")
	forged := dm.RelayList{Kind: dm.KindInboxRelays, At: now, Read: []string{"wss://evil.example"}}.Event()
	require.NoError(t, newPerson(t).Sign(t.Context(), forged))
	forged.PubKey = alice.key.String()
	forged.ID = forged.GetID()
	require.NoError(t, three.Inject([]byte(forged.String())))

	got := d.get(t.Context(), alice.key, time.Minute)
	require.Equal(t, reads{found, []string{"wss://new.example"}, []string{"wss://general.example"}, true}, got)

	// It is remembered for an hour.
	alice.lists(t, one, dm.KindInboxRelays, now, "wss://newer.example")
	clock.advance(foundTTL - time.Second)
	require.Equal(t, got, d.get(t.Context(), alice.key, time.Minute))
	clock.advance(time.Second)
	require.Equal(t, []string{"wss://newer.example"}, d.get(t.Context(), alice.key, time.Minute).inbox)
}

func TestDirectory_FoundAbsentUnreadable(t *testing.T) {
	t.Parallel()
	one, two, three := aRelay(t), aRelay(t), aRelay(t)
	d, clock := aDirectory(t, one, two, three)
	alice := newPerson(t)
	three.Faults.RefuseREQs("error: down")
	require.Equal(t, reads{finding: absent}, d.get(t.Context(), alice.key, time.Minute), "two of three say so")

	two.Faults.RefuseREQs("error: down")
	require.Equal(t, absent, d.get(t.Context(), alice.key, time.Minute).finding, "remembered")
	bob := newPerson(t)
	require.Equal(t, unreadable, d.get(t.Context(), bob.key, time.Minute).finding, "one of three is not enough")

	// One list is enough, though.
	carol := newPerson(t)
	carol.lists(t, one, dm.KindInboxRelays, clock.Now(), "wss://carol.example")
	require.Equal(t, found, d.get(t.Context(), carol.key, time.Minute).finding)
	// And is not forgotten because the relays are down.
	one.Faults.RefuseREQs("error: down")
	clock.advance(foundTTL)
	require.Equal(t, found, d.get(t.Context(), carol.key, time.Minute).finding)

	// A relay that comes up is asked at once.
	require.Equal(t, unreadable, d.get(t.Context(), bob.key, time.Minute).finding)
	one.Faults.RefuseREQs("")
	two.Faults.RefuseREQs("")
	require.Equal(t, unreadable, d.get(t.Context(), bob.key, time.Minute).finding, "not asked again within half a minute")
	d.relayUp()
	require.Equal(t, absent, d.get(t.Context(), bob.key, time.Minute).finding)
}

// A reply waits for a lookup only so long.
func TestDirectory_SilentRelay(t *testing.T) {
	t.Parallel()
	one, two, three := aRelay(t), aRelay(t), aRelay(t)
	d, _ := aDirectory(t, one, two, three)
	three.Faults.IgnoreREQs(true)
	began := time.Now()
	require.Equal(t, absent, d.get(t.Context(), newPerson(t).key, time.Minute).finding)
	require.Less(t, time.Since(began), lookupTime, "the others are enough")
	two.Faults.IgnoreREQs(true)
	bob := newPerson(t)
	began = time.Now()
	require.Equal(t, unreadable, d.get(t.Context(), bob.key, patience).finding)
	require.Less(t, time.Since(began), lookupTime)
	require.Equal(t, unreadable, d.get(t.Context(), bob.key, time.Minute).finding, "and it ends")
	require.Less(t, time.Since(began), 2*lookupTime)
}

// Many customers are asked about together.
func TestDirectory_AsksForManyAtOnce(t *testing.T) {
	t.Parallel()
	r := aRelay(t)
	d, clock := aDirectory(t, r)
	people := make([]aPerson, 100)
	var wg sync.WaitGroup
	for i := range people {
		people[i] = newPerson(t)
		people[i].lists(t, r, dm.KindInboxRelays, clock.Now(), fmt.Sprintf("wss://r%d.example", i))
	}
	for i, p := range people {
		wg.Go(func() {
			require.Equal(t, []string{fmt.Sprintf("wss://r%d.example", i)}, d.get(context.Background(), p.key, time.Minute).inbox)
		})
	}
	wg.Wait()
	require.Less(t, r.Count(devrelay.REQ), 80)
}

func TestDirectory_IsBounded(t *testing.T) {
	t.Parallel()
	b := &Bot{cfg: Config{Clock: &stoppedClock{now: time.Now()}}}
	d := &b.directory
	d.init(b, nil, nil) // nobody serves the queue
	for i := range lookupQueue + 2*directoryMax {
		d.want(PubKey{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	require.LessOrEqual(t, len(d.entries), directoryMax)
	require.Equal(t, d.order.Len(), len(d.entries))
	require.Len(t, d.queue, lookupQueue)
	_, pending := d.entry(PubKey{1, 0xff, 0xff})
	require.Nil(t, pending, "a full queue is not waited for")
}

// Whom a customer names is not dialled unless it is a public relay.
func TestDirectory_GuardsAgainstStrangers(t *testing.T) {
	t.Parallel()
	var b Bot
	d := &b.directory
	d.init(&b, []string{"ws://127.0.0.1:7777", "wss://own.example"}, nil)
	for _, url := range []string{
		"ws://relay.example", "wss://127.0.0.1", "wss://10.0.0.1", "wss://[::1]", "wss://169.254.169.254",
		"wss://localhost", "wss://metadata", "wss://relay.example:22", "wss://0x7f.1", "wss://2130706433",
		"wss://expyuzz4wqqyqhjn.onion", "wss://a_b.example", "ws://127.0.0.1:7778",
	} {
		require.Empty(t, d.usable([]string{url}), url)
	}
	require.Equal(t, []string{"wss://one.example", "ws://127.0.0.1:7777", "wss://two.example/path", "wss://three.example", "wss://own.example"},
		d.usable([]string{
			"wss://one.example", "ws://127.0.0.1:7777", "wss://localhost", "wss://two.example/path",
			"wss://three.example", "wss://four.example", "wss://own.example",
		}), "three strangers, and what is our own")
}

// A name that leads to a private address is refused when it is dialled.
func TestGuestClient_RefusesPrivateAddresses(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	touched := make(chan struct{})
	go func() {
		if _, err := ln.Accept(); err == nil {
			close(touched)
		}
	}()
	client, err := new(Config).guestClient()
	require.NoError(t, err)
	pool, err := relay.New(relay.Config{GuestClient: client})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = pool.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	ev := dm.RelayList{Kind: dm.KindRelays, At: time.Now()}.Event()
	require.NoError(t, newPerson(t).Sign(ctx, ev))
	for _, url := range []string{"wss://" + ln.Addr().String(), "ws://" + ln.Addr().String(), "wss://localhost"} {
		require.Eventually(t, func() bool { // until the pool runs
			v := pool.Publish(ctx, []byte(ev.String()), url)[0]
			return v.Status == relay.NoAnswer &&
				(errors.Is(v.Err, safedial.ErrPort) || errors.Is(v.Err, safedial.ErrScheme) || errors.Is(v.Err, safedial.ErrAddress))
		}, time.Minute, time.Millisecond, url)
	}
	select {
	case <-touched:
		t.Fatal("it was dialled")
	default:
	}
}

func TestReads_Route(t *testing.T) {
	t.Parallel()
	inbox, general, origin := []string{"i"}, []string{"g"}, []string{"o"}
	for _, tt := range []struct {
		reads
		via  Protocol
		want route
	}{
		{reads{found, inbox, general, true}, NIP17, route{found, inbox}},
		{reads{found, nil, general, true}, NIP17, route{found, general}},
		{reads{found, inbox, nil, true}, NIP04, route{absent, origin}},
		{reads{found, inbox, general, true}, NIP04, route{found, general}},
		{reads{found, nil, nil, true}, NIP17, route{absent, origin}},
		{reads{finding: absent}, NIP17, route{absent, origin}},
		{reads{}, NIP17, route{unreadable, origin}},
	} {
		require.Equal(t, tt.want, tt.route(tt.via, origin), "%+v by %s", tt.reads, tt.via)
	}
}

func TestNewestLists_SameSecond(t *testing.T) {
	t.Parallel()
	alice, now := newPerson(t), time.Now()
	var events []*nostr.Event
	for _, u := range []string{"wss://a.example", "wss://b.example", "wss://c.example"} {
		ev := dm.RelayList{Kind: dm.KindRelays, At: now, Read: []string{u}}.Event()
		require.NoError(t, alice.Sign(t.Context(), ev))
		events = append(events, ev)
	}
	lowest := events[0]
	for _, ev := range events {
		if ev.ID < lowest.ID {
			lowest = ev
		}
	}
	for range 3 {
		events = append(events[1:], events[0])
		got := newestLists(events, now)[listOf{alice.key, dm.KindRelays}]
		require.Equal(t, []string{lowest.Tags[0][1]}, got.Read)
	}
}
