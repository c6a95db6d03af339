package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
	"github.com/dmshop/dmshop/nostrbot/redisstore"
)

// The test binary is also the bot process that is killed and paused: TestMain
// sees these in its environment.
const (
	botRedis  = "REDISSTORE_TEST_REDIS" // URL; its presence makes a bot of the process
	botRelays = "REDISSTORE_TEST_RELAYS"
	botKey    = "REDISSTORE_TEST_KEY"
	botPlan   = "REDISSTORE_TEST_PLAN" // such as "stop handler 3,kill record 1"
	botLog    = "REDISSTORE_TEST_LOG"  // set: log to stderr
)

const botLease = 400 * time.Millisecond

// The points at which a process ends or pauses itself: in the handler, after
// the commit and before anything leaves, and after a relay took the reply and
// before that is recorded.
const (
	inHandler    = "handler"
	afterCommit  = "commit"
	beforeRecord = "record"
)

// botProcess is the whole of such a process.
func botProcess() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	store, err := redisstore.Open(ctx, os.Getenv(botRedis), "bot")
	if err != nil {
		return err
	}
	defer store.Close()
	p := &plan{steps: strings.Split(os.Getenv(botPlan), ",")}
	logs := io.Discard
	if os.Getenv(botLog) != "" {
		logs = os.Stderr
	}
	bot, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec(os.Getenv(botKey)), Relays: strings.Split(os.Getenv(botRelays), ","),
		Store: plannedStore{store, p}, Lease: botLease,
		Grace:  2 * nostrbottest.Patience, // a stop that waits for it is a fault
		Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		return err
	}
	bot.Command("count N", "", nostrbot.WithState("n", func(_ context.Context, c *nostrbot.Chat[int]) error {
		p.reach(inHandler, c.From, c.ID)
		*c.State++
		c.Replyf("%s is %d", c.Arg("N"), *c.State)
		c.Reply("and that is that for " + c.Arg("N"))
		return nil
	}))
	return bot.Run(ctx)
}

// plan ends or pauses the process at a point, one step after the other.
type plan struct {
	mu    sync.Mutex
	steps []string // how, where, the how manieth time
	times int
}

func (p *plan) reach(point string, customer nostrbot.PubKey, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	step := strings.Fields(p.steps[0])
	if len(step) == 0 || step[1] != point {
		return
	}
	p.times++
	if strconv.Itoa(p.times) < step[2] {
		return
	}
	p.steps, p.times = append(p.steps[1:], ""), 0
	say(step[0]+" "+point, customer, id)
	if step[0] == "kill" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	<-woken // some threads may still run for a moment, but to no other point
	signal.Stop(woken)
}

// say tells the test what happens: one line, one write.
func say(what string, customer nostrbot.PubKey, id string) { fmt.Println(customer, id, what) }

// plannedStore is the real store, which tells what goes through it.
type plannedStore struct {
	*redisstore.Store
	plan *plan
}

func (s plannedStore) Commit(ctx context.Context, b nostrbot.Batch) error {
	err := s.Store.Commit(ctx, b)
	switch {
	case len(b.Parcels) == 0:
	case err == nil:
		say("committed", b.Customer, b.For())
		s.plan.reach(afterCommit, b.Customer, b.For())
	case errors.Is(err, nostrbot.ErrDone), errors.Is(err, nostrbot.ErrConflict):
		say("refused", b.Customer, b.For())
	}
	return err
}

func (s plannedStore) Update(ctx context.Context, p nostrbot.Parcel) error {
	if p.State == nostrbot.ParcelSent {
		s.plan.reach(beforeRecord, p.To, p.For)
	}
	return s.Store.Update(ctx, p)
}
