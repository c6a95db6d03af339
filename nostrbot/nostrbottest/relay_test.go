package nostrbottest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// A conversation goes on whatever a relay does, as long as it does not do it
// for ever.
func TestFaults_AreSurvived(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(r *nostrbottest.Relay) (heal bool){
		"rate limited":    func(r *nostrbottest.Relay) bool { r.RefuseNext(2, "rate-limited: slow down"); return false },
		"replies refused": func(r *nostrbottest.Relay) bool { r.RefuseReplies("error: disk full"); return true },
		"cut before OK":   func(r *nostrbottest.Relay) bool { r.CutBeforeOK(2); return false },
		"delays": func(r *nostrbottest.Relay) bool {
			r.Delay(time.Millisecond)
			r.DelayOKs(time.Millisecond)
			return false
		},
		"everything twice":    func(r *nostrbottest.Relay) bool { r.Duplicate(1); return false },
		"held back, reversed": func(r *nostrbottest.Relay) bool { r.Hold(); r.Release(); return false },
		"subscription closed": func(r *nostrbottest.Relay) bool { r.Close("error: shutting down"); return false },
		"dropped":             func(r *nostrbottest.Relay) bool { r.Drop(); return false },
		"down":                func(r *nostrbottest.Relay) bool { r.Down(true); return true },
		"half open":           func(r *nostrbottest.Relay) bool { r.HalfOpen(true); return true },
		"AUTH at once":        func(r *nostrbottest.Relay) bool { r.RequireAuth(nostrbottest.AuthOnConnect); return false },
		"AUTH on demand":      func(r *nostrbottest.Relay) bool { r.RequireAuth(nostrbottest.AuthOnDemand); return false },
		"AUTH in silence":     func(r *nostrbottest.Relay) bool { r.RequireAuth(nostrbottest.AuthSilent); return false },
		"AUTH refused":        func(r *nostrbottest.Relay) bool { r.RefuseAuth("error: no"); return true },
		"small messages":      func(r *nostrbottest.Relay) bool { r.CapMessages(8000); return false },
		"a clock that is off": func(r *nostrbottest.Relay) bool { r.RefuseDates(time.Minute, 50*time.Hour); return false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t)
			net.Bot(t, counter)
			alice := net.User(t, "alice").Says("/count").Hears("1")
			relay := net.Relays[0]
			if fault(relay) {
				time.AfterFunc(50*time.Millisecond, relay.Heal)
			}
			alice.Says("count").Hears("2").Says(" count").Hears("3")
			relay.Heal()
			alice.HearsNothing()
		})
	}
}

// What a relay refuses for good, or loses, is not answered by it; another relay
// does.
func TestFaults_OneRelayIsEnough(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(r *nostrbottest.Relay){
		"down":            func(r *nostrbottest.Relay) { r.Down(true) },
		"blocked":         func(r *nostrbottest.Relay) { r.Refuse("blocked: go away") },
		"replies blocked": func(r *nostrbottest.Relay) { r.RefuseReplies("blocked: go away") },
		"dates":           func(r *nostrbottest.Relay) { r.RefuseDates(0, time.Second) },
		"lost":            func(r *nostrbottest.Relay) { r.Lose(true) },
		"withheld":        func(r *nostrbottest.Relay) { r.Withhold(true) },
		"OKs swallowed":   func(r *nostrbottest.Relay) { r.SwallowOKs(true) },
		"deaf":            func(r *nostrbottest.Relay) { r.RefuseREQs("error: no"); r.Close("error: no") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t, nostrbottest.Relays(2))
			net.Bot(t, counter)
			alice := net.User(t, "alice").Says("/count").Hears("1")
			fault(net.Relays[0])
			alice.Says("count").Hears("2")
			net.Relays[0].Heal()
			alice.HearsNothing()
		})
	}
}

func TestFaults_HoldAndRelease(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, counter)
	alice := net.User(t, "alice")
	alice.Says("0").Hears("echo 0")
	relay := net.Relays[0]
	relay.Hold()
	alice.Says("a").Says("b").Says("c")
	relay.Release(2, 0)
	alice.Hears("echo c").Hears("echo a")
	relay.Close("error: once more") // the fresh REQ brings what was withheld
	alice.Hears("echo b").HearsNothing()
}

func TestInject_HostileRelay(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, counter)
	alice := net.User(t, "alice", nostrbottest.NIP04)
	require.NoError(t, net.Relays[0].Inject([]byte(`{"id":"`+strings.Repeat("0", 64)+`","pubkey":"`+alice.PubKey().String()+
		`","kind":4,"created_at":1,"content":"x?iv=x","sig":"","tags":[["p","`+net.PubKey("bot").String()+`"]]}`)))
	require.Error(t, net.Relays[0].Inject([]byte("no event")))
	alice.Says("/count").Hears("1").HearsNothing()
}

func TestOver_RelaysOfAnotherMake(t *testing.T) {
	t.Parallel()
	theirs := nostrbottest.New(t)
	net := nostrbottest.New(t, nostrbottest.Over(theirs.URLs()...))
	net.Bot(t, counter)
	net.User(t, "alice").Says("/count").Hears("1").HearsNothing()
	require.PanicsWithValue(t, "nostrbottest: "+net.URLs()[0]+" is not our relay: it has no faults to switch", net.Relays[0].Heal)
}

// A bot that the test does not make, as a program would be.
func TestTo_AnotherBot(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	bot, err := nostrbot.New(nostrbot.Config{Signer: nostrbot.Nsec(net.Key("barista")), Relays: net.URLs()})
	require.NoError(t, err)
	counter(bot)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- bot.Run(ctx) }()
	net.User(t, "alice", nostrbottest.To(net.PubKey("barista"))).Says("/count").Hears("1")
	stop()
	require.NoError(t, <-done)
}
