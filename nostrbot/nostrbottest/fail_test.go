package nostrbottest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// victim is a test that is meant to fail.
type victim struct {
	testing.TB
	said string
}

func (v *victim) Fatalf(format string, args ...any) {
	v.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (v *victim) Fatal(args ...any)              { v.Fatalf("%s", fmt.Sprint(args...)) }
func (v *victim) Errorf(format string, a ...any) { v.said += fmt.Sprintf(format, a...) }

// fails runs a test that must fail, and returns what it said.
func fails(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	v := &victim{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); test(v) }()
	<-done
	require.NotEmpty(t, v.said, "it must fail")
	return v.said
}

func echo(b *nostrbot.Bot) {
	b.Fallback(func(_ context.Context, m *nostrbot.Message) error { m.Reply("echo " + m.Text); return nil })
}

func TestFailures_TellTheStory(t *testing.T) {
	t.Parallel()
	net := New(t)
	net.Bot(t, echo)
	alice := net.User(t, "alice").Says("hello").Hears("echo hello").Says("again")
	story := "what was said and heard:\n    alice> hello\n    alice< echo hello\n    alice> again\n"
	for expected, test := range map[string]func(){
		`alice expected to hear "pong", but heard "echo again"`:               func() { alice.Hears("pong") },
		`alice expected to hear a match of ^pong, but heard "echo again"`:     func() { alice.HearsMatch("^pong") },
		`alice expected to hear one of ["a" "b"], but heard "echo again"`:     func() { alice.HearsAll("a", "b") },
		`alice expected to hear nothing, but heard "echo again"`:              func() { alice.HearsNothing() },
		`alice could not say "": dm: seal: cannot be sent: the text is empty`: func() { alice.Says("") },
		`alice could not publish: ` + net.URLs()[0] + `: refused`:             func() { alice.Publish([]byte("{}")) },
		`nostrbottest: there is a user "alice" already`:                       func() { net.User(alice.t, "alice") },
		`nostrbottest: Start: the bot is running; Stop or Crash it first`:     func() { net.bots[0].Start() },
		`nostrbottest: there is no testdata/none: run the test once with NOS`: func() { net.Golden("testdata/none") },
	} {
		said := fails(t, func(v testing.TB) {
			alice.t, net.t, net.bots[0].t = v, v, v
			test()
		})
		require.Contains(t, said, expected)
		if strings.HasPrefix(expected, "alice") {
			require.Contains(t, said, story)
			require.Contains(t, said, "the bot on "+net.URLs()[0]+": connected true, live true")
		}
	}
	alice.t, net.t, net.bots[0].t = t, t, t
}

func TestFailures_OfTheBot(t *testing.T) {
	t.Parallel()
	said := fails(t, func(v testing.TB) { New(v, Relays(0)) })
	require.Contains(t, said, "a net needs a relay")
	net := New(t)
	said = fails(t, func(v testing.TB) { net.Bot(v, echo, func(c *nostrbot.Config) { c.Parallel = -1 }) })
	require.Contains(t, said, "Parallel")
	require.Panics(t, func() { net.User(t, "bob", Client("telegram")) })
	bot := net.Bot(t, echo)
	require.Panics(t, func() { bot.CrashAt("lunch") })
	bot.Crash()
	said = fails(t, func(v testing.TB) { bot.t = v; bot.Crash() })
	require.Contains(t, said, "the bot is not running")
	bot.t = t

	net.botEnded(errors.New("boom"))
	alice := net.User(t, "alice")
	said = fails(t, func(v testing.TB) { alice.t = v; alice.Hears("x") })
	require.Contains(t, said, `alice expected to hear "x", but heard nothing (the bot ended by itself: boom)`)
	require.Contains(t, said, "the bot is not running")
}

// Nothing lasts longer than Patience.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := &Net{end: make(chan struct{})}
		require.ErrorIs(t, n.await(make(chan struct{})), errPatience)
		require.Equal(t, Patience, time.Since(start))
	})
}

func TestGolden_ShowsTheDifference(t *testing.T) {
	t.Parallel()
	net := New(t)
	net.script.add("alice> ", "/count")
	net.script.add("alice< ", "2")
	said := fails(t, func(v testing.TB) { net.t = v; net.Golden("testdata/conversation.golden") })
	require.Contains(t, said, "line 2, expected:\nalice> /count\nalice< 1\n")
	require.Contains(t, said, "was:\nalice> /count\nalice< 2\n")
}

func TestGolden_IsWritten(t *testing.T) {
	t.Setenv(updateGolden, "1")
	net := New(t)
	net.script.add("alice> ", "hi")
	path := t.TempDir() + "/new/file"
	net.Golden(path)
	t.Setenv(updateGolden, "")
	net.Golden(path)
}

// claimingStore is a Store that several processes could share.
type claimingStore struct {
	nostrbot.Store
	nostrbot.Claimer
}

// After a crash every method of the Store fails, also those that a Store may
// have beside.
func TestCrash_TheStoreRefuses(t *testing.T) {
	t.Parallel()
	bot := &Bot{store: nostrbot.NewMemory()}
	plain, m := bot.mortalStore(&life{})
	_, claims := plain.(nostrbot.Claimer)
	require.False(t, claims)
	_, err := m.Pending(t.Context(), nostrbot.PubKey{}, 1)
	require.NoError(t, err)
	m.dead.Store(true)

	bot.store = claimingStore{bot.store, nil}
	both, n := bot.mortalStore(&life{})
	n.dead.Store(true)
	for store, kind := range map[nostrbot.Store]reflect.Type{
		plain: reflect.TypeFor[nostrbot.Store](),
		both:  reflect.TypeFor[claimingStore](),
	} {
		for i := range kind.NumMethod() {
			name := kind.Method(i).Name
			method := reflect.ValueOf(store).MethodByName(name)
			require.True(t, method.IsValid(), name)
			var args []reflect.Value
			for j := range method.Type().NumIn() {
				if in := method.Type().In(j); in == reflect.TypeFor[context.Context]() {
					args = append(args, reflect.ValueOf(t.Context()))
				} else if !method.Type().IsVariadic() || j < method.Type().NumIn()-1 {
					args = append(args, reflect.Zero(in))
				}
			}
			out := method.Call(args)
			err, _ := out[len(out)-1].Interface().(error)
			require.ErrorIs(t, err, errCrashed, name)
		}
	}
}
