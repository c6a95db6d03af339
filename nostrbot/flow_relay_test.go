package nostrbot_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
)

// These tests go all the way: relays, both protocols, SQLite, and a clock that
// goes when told to.

func TestFlow_OverARelayAndRestarts(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	file := filepath.Join(t.TempDir(), "bot.db")
	clock := newHandClock(time.Now())
	start := func(wire func(*nostrbot.Bot)) (stop func()) {
		store, err := sqlitestore.Open(file)
		require.NoError(t, err)
		_, end := n.run(t, nostrbot.Config{Store: store, Clock: clock}, wire)
		return func() {
			end()
			require.NoError(t, store.Close())
		}
	}
	c := newCafe()
	stop := start(c.wire)
	alice := n.person(t)
	alice.says("/order", dm.NIP17)
	alice.hears("pick?")
	alice.says("latte", dm.NIP04)
	alice.hears("words?")
	stop()

	c = newCafe()
	stop = start(c.wire)
	alice.says("enough", dm.NIP17)
	alice.hears("latte []")
	alice.hears("pay!")
	stop()

	key := c.keys[0]
	c = newCafe()
	defer start(c.wire)()
	require.NoError(t, c.orders.Signal(t.Context(), key, "settled")) // waits for Run
	require.Equal(t, dm.NIP17, alice.hears("paid latte").Via)
	alice.hears("where?")
	alice.says("home", dm.NIP04)
	require.Equal(t, dm.NIP04, alice.hears("coming").Via)
}

func TestFlow_TimeoutsOfManyAreOnTime(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	clock := newHandClock(time.Now())
	_, wire := quiz(nil)
	n.run(t, nostrbot.Config{Clock: clock}, wire)
	alice, bob := n.person(t), n.person(t)
	alice.says("/quiz", dm.NIP17)
	alice.hears("a?")
	clock.advance(30 * time.Second)
	bob.says("/quiz", dm.NIP17)
	bob.hears("a?")
	clock.advance(30 * time.Second)
	alice.hears(timedOut)
	clock.advance(29 * time.Second)
	bob.says("x", dm.NIP17)
	bob.hears("a?") // not yet
	clock.advance(time.Second)
	bob.hears(timedOut)
}

// Alice answers in time, while the bot is away. It comes back long after the
// deadline, and its relay is slow to hand out what it kept.
func TestFlow_AnswerInTimeIsHeardBeforeTheTimeout(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store, clock := nostrbot.NewMemory(), newHandClock(time.Now())
	_, wire := quiz(nil)
	_, stop := n.run(t, nostrbot.Config{Store: store, Clock: clock}, wire)
	alice, bob := n.person(t), n.person(t)
	for _, p := range []*person{alice, bob} {
		p.says("/quiz", dm.NIP17)
		p.hears("a?")
	}
	stop()
	alice.says("a", dm.NIP17)
	clock.advance(time.Hour)

	_, wire = quiz(nil)
	n.Faults.RefuseNextREQs(1, "error: starting up")
	n.run(t, nostrbot.Config{Store: store, Clock: clock}, wire)
	alice.hears("right")
	alice.hears("b?")
	bob.hears(timedOut) // who said nothing
}

// A relay that never hands out its backlog does not hold timeouts up for ever.
func TestFlow_TimeoutsDoNotWaitForADeadRelay(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store, clock := nostrbot.NewMemory(), newHandClock(time.Now())
	_, wire := quiz(nil)
	_, stop := n.run(t, nostrbot.Config{Store: store, Clock: clock}, wire)
	alice := n.person(t)
	alice.says("/quiz", dm.NIP17)
	alice.hears("a?")
	clock.awaitTimer(30 * time.Second)
	stop()
	clock.advance(time.Hour)

	_, wire = quiz(nil)
	n.Faults.RefuseREQs("error: for ever")
	n.run(t, nostrbot.Config{Store: store, Clock: clock}, wire)
	clock.awaitTimer(30 * time.Second)
	clock.advance(30 * time.Second)
	alice.hears(timedOut)
}

// catcher is a runner that has something to tell about the time before it
// started, such as an invoice that was paid.
type catcher struct {
	tell func(ctx context.Context) error
	done chan struct{}
}

func (c *catcher) Run(ctx context.Context) error {
	err := c.tell(ctx)
	close(c.done)
	<-ctx.Done()
	return err
}

func (c *catcher) CaughtUp() <-chan struct{} { return c.done }

func TestFlow_TimeoutsWaitForRunnersToCatchUp(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	store, clock := nostrbot.NewMemory(), newHandClock(time.Now())
	keys := make(chan string, 1)
	begin := func(_ context.Context, c *nostrbot.Chat[int]) (nostrbot.Next, error) {
		keys <- c.Key
		return nostrbot.Go("a"), nil
	}
	f, wire := quiz(nil)
	f.Begin(begin)
	_, stop := n.run(t, nostrbot.Config{Store: store, Clock: clock}, wire)
	alice := n.person(t)
	alice.says("/quiz", dm.NIP17)
	alice.hears("a?")
	key := <-keys
	stop()
	clock.advance(time.Hour)

	f, wire = quiz(nil)
	live := make(chan struct{})
	runner := &catcher{done: make(chan struct{}), tell: func(ctx context.Context) error {
		<-live // by now a timeout would have come
		return f.Signal(ctx, key, "hint")
	}}
	bot, err := nostrbot.New(nostrbot.Config{Signer: n.botKey, Relays: []string{n.URL()}, Store: store, Clock: clock})
	require.NoError(t, err)
	wire(bot)
	ping(bot)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- bot.Run(ctx, runner) }()
	alice.says("/ping", dm.NIP17)
	alice.hears("pong")
	close(live)
	alice.hears("hint")
	cancel()
	require.NoError(t, <-ended)
}

// The alarm looks at the Store every ten seconds, and knows better.
func TestFlow_TimeoutSoonerThanTheNextLook(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	clock := newHandClock(time.Now())
	f := nostrbot.NewFlow("f", nostrbot.Step[int]{Name: "a", Prompt: "a?", Within: 3 * time.Second})
	n.run(t, nostrbot.Config{Clock: clock}, func(b *nostrbot.Bot) { b.Flow("f", "", f) })
	clock.awaitTimer(10 * time.Second) // it has looked, in vain
	alice := n.person(t)
	alice.says("/f", dm.NIP17)
	alice.hears("a?")
	clock.advance(3 * time.Second)
	alice.hears(timedOut)
}
