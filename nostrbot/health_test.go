package nostrbot_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

// health asks h as a probe does.
func health(t *testing.T, h http.Handler) (status int, report nostrbot.HealthReport, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/health", nil))
	body = w.Body.String()
	var shape map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &shape))
	for _, key := range []string{"ok", "at", "relays", "unsent_seconds"} {
		require.Contains(t, shape, key)
	}
	report.OK, _ = shape["ok"].(bool)
	reasons, _ := shape["reasons"].([]any)
	for _, r := range reasons {
		report.Reasons = append(report.Reasons, r.(string))
	}
	return w.Code, report, body
}

// brokenStore is a double of a Store that fails or hangs when told to.
type brokenStore struct {
	nostrbot.Store

	err  atomic.Pointer[error]
	hang atomic.Pointer[chan struct{}]
	full atomic.Pointer[error] // of writes alone
}

func (s *brokenStore) Commit(ctx context.Context, b nostrbot.Batch) error {
	if err := s.full.Load(); err != nil {
		return *err
	}
	return s.Store.Commit(ctx, b)
}

func (s *brokenStore) Load(ctx context.Context, c nostrbot.PubKey, now time.Time, ids ...string) (nostrbot.Conversation, error) {
	if hang := s.hang.Load(); hang != nil {
		<-*hang // heeds no ctx
	}
	if err := s.err.Load(); err != nil {
		return nostrbot.Conversation{}, *err
	}
	return s.Store.Load(ctx, c, now, ids...)
}

func TestHealth_TellsTheTruth(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	clock, store := &movedClock{}, &brokenStore{Store: nostrbot.NewMemory()}
	bot, stop := n.run(t, nostrbot.Config{Store: store, Clock: clock}, ping)
	check := func(limits nostrbot.HealthLimits) (int, []string) {
		t.Helper()
		status, report, _ := health(t, bot.HealthHandler(limits)) // a new one: nothing is remembered
		require.Equal(t, status == http.StatusOK, report.OK)
		return status, report.Reasons
	}
	alice := n.person(t)
	alice.says("ping", nostrbot.NIP17)
	alice.hears("pong") // it is live
	status, reasons := check(nostrbot.HealthLimits{})
	require.Equal(t, http.StatusOK, status, reasons)
	_, reasons = check(nostrbot.HealthLimits{Relays: 2})
	require.Equal(t, []string{"the inbox is live on 1 of 1 relays, and must be on 2"}, reasons)

	gone := errors.New("disk gone")
	store.err.Store(&gone)
	_, reasons = check(nostrbot.HealthLimits{})
	require.Equal(t, []string{"the store does not answer: disk gone"}, reasons)
	store.err.Store(nil)

	// Deaf, though the socket is open.
	n.Faults.RefuseREQs("error: no")
	n.Faults.CloseSubscriptions("error: restarting")
	require.Eventually(t, func() bool { _, reasons = check(nostrbot.HealthLimits{}); return len(reasons) == 1 }, patience, time.Millisecond)
	require.True(t, bot.Health()[0].Connected)
	n.Faults.RefuseREQs("")

	n.Faults.RefuseConnections(true)
	n.Faults.DropConnections()
	require.NoError(t, bot.Send(t.Context(), alice.me, "hello", "k"))
	require.Eventually(t, func() bool { _, reasons = check(nostrbot.HealthLimits{}); return len(reasons) == 1 }, patience, time.Millisecond)
	require.Equal(t, []string{"the inbox is live on 0 of 1 relays, and must be on 1"}, reasons)
	clock.move(10*time.Minute + time.Second)
	_, reasons = check(nostrbot.HealthLimits{})
	require.Len(t, reasons, 2)
	require.Contains(t, reasons[1], "a reply has been waiting for a relay for 10m")

	n.Faults.RefuseConnections(false)
	alice.hears("hello")
	require.Eventually(t, func() bool { status, reasons = check(nostrbot.HealthLimits{}); return status == http.StatusOK }, patience, time.Millisecond, "%v", reasons)
	stop()
	_, reasons = check(nostrbot.HealthLimits{})
	require.Contains(t, reasons, "the bot has stopped")
}

func TestHealth_BeforeRun(t *testing.T) {
	t.Parallel()
	report := newBot(t).CheckHealth(t.Context(), nostrbot.HealthLimits{})
	require.False(t, report.OK)
	require.Equal(t, "the bot has not started", report.Reasons[0])
}

// Many who ask cost one look, and a store that hangs hangs nobody.
func TestHealthHandler_LooksOnceAndNeverHangs(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store := &brokenStore{Store: nostrbot.NewMemory()}
	bot, _ := n.run(t, nostrbot.Config{Store: store}, ping)
	hang := make(chan struct{})
	store.hang.Store(&hang)
	h := bot.HealthHandler(nostrbot.HealthLimits{Probe: time.Millisecond})
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			status, report, _ := health(t, h)
			if status != http.StatusServiceUnavailable || len(report.Reasons) != 1 || report.Reasons[0] != "the store hangs" {
				t.Error(status, report.Reasons)
			}
		})
	}
	wg.Wait()
	store.hang.Store(nil)
	close(hang)
	var first string
	require.Eventually(t, func() bool {
		var report nostrbot.HealthReport
		_, report, first = health(t, h)
		return len(report.Reasons) == 0 || report.Reasons[0] != "the store hangs"
	}, patience, time.Millisecond)
	for range 20 {
		_, _, again := health(t, h)
		require.Equal(t, first, again, "within a second it is the same report")
	}
}

// Anybody may list a relay that is dead. Where a relay of ours has the reply,
// that is no illness of the bot.
func TestHealth_DeadRelayOfACustomerIsNotOurs(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	dead := newStranger(t)
	dead.Faults.RefuseConnections(true)
	bot := net.Bot(t, pong, guests(dead))
	alice := net.User(t, "alice")
	lists(alice, dm.KindInboxRelays, dead.url)
	alice.Says("ping 1")
	passes(t, net, time.Second, func() bool { return len(dms(own, alice.PubKey())) == 1 })
	net.Clock.Advance(time.Hour)
	var r nostrbot.HealthReport
	require.Eventually(t, func() bool { // the receipt is written after the OK
		r = bot.CheckHealth(t.Context(), nostrbot.HealthLimits{})
		return r.OK && r.Unsent == 0
	}, patience, time.Millisecond, "%v", &r)
}

// A full disk still reads.
func TestHealth_StoreThatDoesNotTakeWrites(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store := &brokenStore{Store: nostrbot.NewMemory()}
	bot, _ := n.run(t, nostrbot.Config{Store: store}, ping)
	alice := n.person(t)
	alice.says("ping 1", nostrbot.NIP17)
	alice.hears("pong 1")
	full := errors.New("disk full")
	store.full.Store(&full)
	alice.says("ping 2", nostrbot.NIP17)
	var r nostrbot.HealthReport
	require.Eventually(t, func() bool { r = bot.CheckHealth(t.Context(), nostrbot.HealthLimits{}); return !r.OK }, patience, time.Millisecond)
	require.Equal(t, []string{"the store does not take what is written: disk full"}, r.Reasons)
	store.full.Store(nil)
	alice.hears("pong 2")
	require.Eventually(t, func() bool { return bot.CheckHealth(t.Context(), nostrbot.HealthLimits{}).OK }, patience, time.Millisecond)
}
