package redisstore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/redistest"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
	"github.com/dmshop/dmshop/nostrbot/redisstore"
)

// full is set by make test; without it a few runs stand for the many.
var full = os.Getenv("DMSHOP_TEST") == "full"

// Two processes serve one bot on one Redis. Each is killed, or paused and woken
// after the other took over, at every point. Each customer hears the answer to
// each message exactly once, in order; each message is committed by exactly one
// process; and who was paused in a handler is refused.
func TestProcesses(t *testing.T) {
	t.Parallel()
	customers, messages, rounds := 4, 4, 1
	if full {
		customers, messages, rounds = 12, 12, 3
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	w := &world{net: nostrbottest.New(t), server: redistest.Start(t)}
	w.store = open(t, w.server.URL, "bot")
	paused, killed := w.process(t, 0, plans(random, "stop", rounds)), w.process(t, 1, plans(random, "kill", rounds))
	var users []*nostrbottest.User
	for i := range customers {
		users = append(users, w.net.User(t, fmt.Sprint("customer ", i)))
	}
	n := 0
	for ; n < messages || !w.finished(6*rounds); n++ {
		require.Less(t, n, 500, "the processes do not come to all points: %v", w.points())
		for _, u := range users {
			u.Says(fmt.Sprint("count ", n))
		}
		for _, u := range users {
			u.Hears(fmt.Sprintf("%d is %d", n, n+1)).Hears(fmt.Sprint("and that is that for ", n))
		}
		<-time.After(botLease / 4) // customers pause, and whoever has them gives them back
	}
	paused.stop(t)
	killed.stop(t)
	for _, u := range users {
		u.HearsNothing()
	}

	t.Logf("%d messages of each of %d customers; %v", n, customers, w.points())
	for _, point := range []string{inHandler, afterCommit, beforeRecord} {
		require.Equal(t, rounds, w.points()["stop "+point])
		require.Equal(t, rounds, w.points()["kill "+point])
	}
	committed := map[string]int{} // as far as the killed ones came to tell
	for _, e := range w.events {
		if e.what == "committed" {
			committed[e.id]++
			require.Equal(t, 1, committed[e.id], "message %s was committed twice", e.id)
		}
		if e.what == "stop "+inHandler {
			require.True(t, slices.Contains(w.events, event{e.slot, "refused", e.customer, e.id}), "who was paused was not refused")
		}
	}
}

// plans are all points in some order, again and again.
func plans(random *rand.Rand, how string, rounds int) (steps []string) {
	for range rounds {
		points := []string{inHandler, afterCommit, beforeRecord}
		random.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
		for _, point := range points {
			steps = append(steps, fmt.Sprintf("%s %s %d", how, point, 1+random.IntN(4)))
		}
	}
	return steps
}

// world is what the processes share, and what they told.
type world struct {
	net    *nostrbottest.Net
	server *redistest.Server
	store  *redisstore.Store

	mu     sync.Mutex
	events []event
}

// event is what a process told.
type event struct {
	slot     int
	what     string
	customer nostrbot.PubKey
	id       string
}

func (w *world) told(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// points counts how often a process was stopped or killed where.
func (w *world) points() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	counts := map[string]int{}
	for _, e := range w.events {
		if strings.HasPrefix(e.what, "stop ") || strings.HasPrefix(e.what, "kill ") {
			counts[e.what]++
		}
	}
	return counts
}

func (w *world) finished(steps int) bool {
	sum := 0
	for _, n := range w.points() {
		sum += n
	}
	return sum == steps
}

// await waits until another process did the work of one that is paused at a
// point: its answer is committed, or sent, too.
func (w *world) await(point string, e event) error {
	ctx, cancel := context.WithTimeout(context.Background(), nostrbottest.Patience)
	defer cancel()
	for {
		parcels, err := w.store.ParcelsFor(ctx, e.customer, e.id)
		if err != nil {
			return fmt.Errorf("nobody takes over from a process that is paused at %s: %w", point, err)
		}
		if len(parcels) > 0 && (point == inHandler || !slices.ContainsFunc(parcels, func(p nostrbot.Parcel) bool {
			return p.State == nostrbot.ParcelPending
		})) {
			return nil
		}
		<-time.After(5 * time.Millisecond)
	}
}

// process is a bot process that is started again when it is killed.
type process struct {
	world *world
	slot  int
	steps []string
	key   string

	mu   sync.Mutex
	cmd  *exec.Cmd
	over bool
	done chan error
}

func (w *world) process(t *testing.T, slot int, steps []string) *process {
	p := &process{world: w, slot: slot, steps: steps, key: w.net.Key("bot"), done: make(chan error, 1)}
	go func() { p.done <- p.run() }()
	t.Cleanup(func() {
		p.mu.Lock()
		p.over = true
		if p.cmd != nil && p.cmd.Process != nil {
			_ = p.cmd.Process.Kill() // it may be paused
		}
		p.mu.Unlock()
	})
	return p
}

// run runs the process until it ends otherwise than by its plan.
func (p *process) run() error {
	for {
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), botRedis+"="+p.world.server.URL, botKey+"="+p.key,
			botRelays+"="+strings.Join(p.world.net.URLs(), ","), botPlan+"="+strings.Join(p.steps, ","))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		p.mu.Lock()
		if p.over {
			p.mu.Unlock()
			return nil
		}
		p.cmd = cmd
		err = cmd.Start()
		p.mu.Unlock()
		if err != nil {
			return err
		}
		killed := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			words := strings.SplitN(lines.Text(), " ", 3)
			e := event{slot: p.slot, id: words[1], what: words[2]}
			if e.customer, err = nostrbot.ParsePubKey(words[0]); err != nil {
				return err
			}
			p.world.told(e)
			switch how, point, _ := strings.Cut(e.what, " "); how {
			case "stop":
				p.steps = p.steps[1:]
				if err := p.paused(cmd, point, e); err != nil {
					return err
				}
			case "kill":
				p.steps, killed = p.steps[1:], true
			}
		}
		if err := cmd.Wait(); !killed {
			return err
		}
	}
}

// paused lets the process go on when the other did its work.
func (p *process) paused(cmd *exec.Cmd, point string, e event) error {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		return fmt.Errorf("the process did not stop: status %x, %w", status, err)
	}
	if err := p.world.await(point, e); err != nil {
		return err
	}
	return cmd.Process.Signal(syscall.SIGCONT)
}

// stop ends the process as an interrupt does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	p.over = true
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	p.mu.Unlock()
	require.NoError(t, err)
	select {
	case err := <-p.done:
		require.NoError(t, err, "it ends well")
	case <-time.After(nostrbottest.Patience):
		require.Fail(t, "the process does not end")
	}
}
