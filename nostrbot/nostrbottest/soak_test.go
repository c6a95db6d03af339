package nostrbottest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/dm"
)

// soakEnv reads a number from the environment.
func soakEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// soak is a run: customers on three bad relays, and a bot that is killed.
type soak struct {
	t        *testing.T
	net      *Net
	dir      string
	rnd      *rand.Rand
	messages int

	mu    sync.Mutex // held while a bot is being killed: no relay says OK then
	life  *process
	seen  map[string]bool // replies of this life
	until int             // how many of them it may publish; 0 is any number
	shot  bool

	kills map[Point]int
}

// TestSoak: many customers, three relays that misbehave, and a bot, a process of
// its own on SQLite, that is killed ten times (SIGKILL), at each of the points
// where a crash could lose or repeat something. Every message is answered
// exactly once and in order.
//
// SOAK_CUSTOMERS, SOAK_MESSAGES, SOAK_KILLS and SOAK_SEED say how many; make
// soak takes the big count, make test a smaller one. A seed gives the same plan of kills and faults,
// though not the same interleaving.
func TestSoak(t *testing.T) {
	customers, messages, every := 12, 6, 30
	if full && racing {
		customers, messages, every = 40, 8, 40
	} else if full {
		customers, messages, every = 200, 20, 100
	}
	customers = int(soakEnv(t, "SOAK_CUSTOMERS", uint64(customers)))
	messages = int(soakEnv(t, "SOAK_MESSAGES", uint64(messages)))
	kills := int(soakEnv(t, "SOAK_KILLS", 10))
	seed := soakEnv(t, "SOAK_SEED", rand.Uint64())
	t.Logf("soak: SOAK_SEED=%d, %d customers, %d messages each, %d kills", seed, customers, messages, kills)

	start := time.Now()
	net := New(t, Relays(3))
	s := &soak{t: t, net: net, dir: t.TempDir(), rnd: rand.New(rand.NewPCG(seed, 2)), messages: messages, kills: map[Point]int{}}
	users := make([]*User, customers)
	for i := range users {
		users[i] = net.User(t, fmt.Sprintf("customer-%d", i), []Client{NIP17, NIP04, Both}[i%3])
	}
	var faults []*chaos
	for i, r := range net.Relays {
		faults = append(faults, newChaos(r, seed+uint64(i), every))
		r.faults().BeforeOK(s.beforeOK)
	}
	net.Relays[2].RequireAuth(AuthOnDemand)

	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	plan := s.plan(kills, customers*messages)
	var running sync.WaitGroup
	defer running.Wait()
	errs := make(chan error, customers+1)
	killed := make(chan struct{})
	running.Go(func() {
		defer close(killed)
		if err := s.killAll(ctx, plan); err != nil {
			errs <- err
		}
	})
	for _, u := range users {
		running.Go(func() {
			if err := s.converse(ctx, u); err != nil {
				errs <- &stuckError{u, err}
				return
			}
			errs <- nil
		})
	}
	for range customers { // each sends its outcome, and a failed kill comes before them
		if err := <-errs; err != nil {
			cancel()
			running.Wait()
			var stuck *stuckError
			if errors.As(err, &stuck) {
				t.Fatalf("%v\n\n%s", err, s.autopsy(stuck.user))
			}
			t.Fatal(err)
		}
	}
	select {
	case <-killed:
	case <-time.After(Patience):
		t.Error("the customers were through before all kills were done")
		cancel()
	}
	for i, c := range faults {
		c.end()
		require.NotEmpty(t, c.counts, "relay %d did nothing wrong", i+1)
		t.Logf("faults of relay %d: %v", i+1, c)
	}
	s.lastJudgement(users)
	t.Logf("kills: %d %s, %d %s, %d %s; %v", s.kills[BeforeCommit], BeforeCommit, s.kills[AfterCommit], AfterCommit,
		s.kills[BeforeOK], BeforeOK, time.Since(start).Round(time.Millisecond))
	for _, p := range []Point{BeforeCommit, AfterCommit, BeforeOK} {
		require.Positive(t, s.kills[p], "nobody was killed %s", p)
	}
}

// shot is one planned kill: at the n-th reply of a life.
type shot struct {
	at Point
	n  int
}

// plan has each point in turn, in an order of the seed's, and spreads the kills
// over the run.
func (s *soak) plan(kills, replies int) []shot {
	points := []Point{BeforeCommit, AfterCommit, BeforeOK}
	plan := make([]shot, kills)
	for i := range plan {
		plan[i].at = points[i%len(points)]
		budget := max(2, replies/(kills+1))
		plan[i].n = 1 + budget/2 + s.rnd.IntN(budget-budget/2)
	}
	s.rnd.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	return plan
}

// killAll lets the bot live and die as planned, and then live on.
func (s *soak) killAll(ctx context.Context, plan []shot) error {
	for _, k := range plan {
		p := s.begin(k)
		select {
		case <-p.exited:
		case <-ctx.Done():
			return nil
		}
		s.mu.Lock()
		atOK := s.shot
		s.mu.Unlock()
		there := p.said == string(k.at) || k.at == BeforeOK && atOK
		if !p.killed() || !there {
			return fmt.Errorf("the bot was to be killed %s and ended with %w, saying %q:\n%v", k.at, p.err, p.said, p.log)
		}
		s.kills[k.at]++
	}
	s.begin(shot{})
	return nil
}

func (s *soak) begin(k shot) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.until, s.shot = map[string]bool{}, 0, false
	kill := ""
	switch k.at {
	case BeforeOK:
		s.until = k.n
	case BeforeCommit, AfterCommit:
		kill = fmt.Sprintf("%d %s", k.n, k.at)
	}
	s.life = startSoakBot(s.t, s.net, s.dir, kill)
	return s.life
}

func (s *soak) present() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life
}

// beforeOK is called by a relay that has taken an event and not said so. The
// bot that was to die here is gone when it returns, and no other relay has told
// it of this reply.
func (s *soak) beforeOK(ev *nostr.Event) {
	if !s.net.isReply(ev) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[ev.ID] || s.shot {
		return
	}
	s.seen[ev.ID] = true
	if len(s.seen) == s.until {
		s.shot = true
		_ = s.life.cmd.Process.Kill()
		<-s.life.exited
	}
}

// stuckError is a conversation that went wrong.
type stuckError struct {
	user *User
	err  error
}

func (e *stuckError) Error() string { return e.user.name + " " + e.err.Error() }

// converse is one customer: the next message only after the answer to the last,
// and not faster than the bot's limit.
func (s *soak) converse(ctx context.Context, u *User) error {
	var last time.Time
	for i := 1; i <= s.messages; i++ {
		pace := time.After(250 * time.Millisecond)
		text := fmt.Sprintf("message %d", i)
		if u.client != Both { // who says the same again; by both ways at once it is a twin for 5 s
			text = fmt.Sprintf("message %d", i%2)
		}
		if err := u.say(ctx, u.date(), text); err != nil {
			return fmt.Errorf("could not say %d: %w", i, err)
		}
		patient, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, errors.New("not for five minutes"))
		h, err := u.next(patient, func(Heard) bool { return true })
		cancel()
		switch asked := slices.ContainsFunc(u.sent, func(d dm.Sealed) bool { return d.ID == h.ReplyTo }); {
		case err != nil:
			return fmt.Errorf("has no answer to %d: %w", i, err)
		case h.Text != soakAnswer(i, text):
			return fmt.Errorf("said %d and heard %q", i, h.Text)
		case !asked:
			return fmt.Errorf("said %d and heard the answer to something else", i)
		case !h.SentAt.After(last):
			return fmt.Errorf("has an answer to %d that is dated %v, and one before it %v", i, h.SentAt, last)
		}
		last = h.SentAt
		select {
		case <-pace:
		case <-ctx.Done():
		}
	}
	return nil
}
