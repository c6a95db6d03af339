package nostrbottest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
)

// The environment of the bot's process.
const (
	soakStore  = "NOSTRBOTTEST_SOAK_STORE" // path of the SQLite file
	soakKey    = "NOSTRBOTTEST_SOAK_KEY"
	soakRelays = "NOSTRBOTTEST_SOAK_RELAYS"
	soakKill   = "NOSTRBOTTEST_SOAK_KILL" // "12 before commit": of the commits with a reply
)

// soakAnswer is the bot's n-th answer to a customer.
func soakAnswer(n int, text string) string { return fmt.Sprintf("%d: %s", n, text) }

// runSoakBot is the process that is killed: a bot as anybody would run it.
func runSoakBot() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	fail := func(err error) {
		if err != nil {
			log.Error("soak bot", "err", err)
			os.Exit(1)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	store, err := sqlitestore.Open(os.Getenv(soakStore))
	fail(err)
	bot, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec(os.Getenv(soakKey)),
		Relays: strings.Split(os.Getenv(soakRelays), " "),
		Store:  newSuicidal(store, os.Getenv(soakKill)),
		Logger: log,
	})
	fail(err)
	bot.Use(answerFences, nostrbot.RateLimit(10, 2*time.Second))
	bot.Fallback(nostrbot.WithState("n", func(_ context.Context, c *nostrbot.Chat[int]) error {
		*c.State++
		c.Reply(soakAnswer(*c.State, c.Text))
		return nil
	}))
	fail(bot.Run(ctx))
	fail(store.Close())
}

// suicidal kills its own process before or after the n-th commit that holds a
// reply.
type suicidal struct {
	nostrbot.Store
	at      Point
	n       int64
	commits atomic.Int64
}

func newSuicidal(store nostrbot.Store, plan string) *suicidal {
	n, at, _ := strings.Cut(plan, " ")
	number, _ := strconv.ParseInt(n, 10, 64)
	return &suicidal{Store: store, at: Point(at), n: number}
}

func (s *suicidal) Commit(ctx context.Context, b nostrbot.Batch) error {
	last := len(b.Parcels) > 0 && s.commits.Add(1) == s.n
	if last && s.at == BeforeCommit {
		kill(s.at)
	}
	err := s.Store.Commit(ctx, b)
	if last && s.at == AfterCommit && err == nil {
		kill(s.at)
	}
	return err
}

// kill is kill -9 on ourselves, and says so first.
func kill(at Point) {
	fmt.Println(at)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// process is one life of the bot.
type process struct {
	cmd    *exec.Cmd
	said   string        // on its standard output, complete once exited
	log    *tail         // its standard error
	exited chan struct{} // closed when it is gone, with err
	err    error
}

func startSoakBot(t *testing.T, net *Net, dir, kill string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), log: &tail{}, exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), soakStore+"="+dir+"/bot.db", soakKey+"="+net.Key(botName),
		soakRelays+"="+strings.Join(net.URLs(), " "), soakKill+"="+kill)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	errs, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		for lines := bufio.NewScanner(errs); lines.Scan(); {
			_, _ = p.log.Write(lines.Bytes()) // it keeps the last ones, and never fails
		}
	}()
	go func() {
		defer close(p.exited)
		said, _ := io.ReadAll(out) // ends with the process
		<-logged
		p.said = strings.TrimSpace(string(said))
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may be gone
		<-p.exited
	})
	return p
}

// killed says whether the process is gone by a SIGKILL.
func (p *process) killed() bool {
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
