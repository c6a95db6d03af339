package lnd_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
)

// keeper starts a shop's process, and starts it again whenever it dies.
type keeper struct {
	t     *testing.T
	job   string
	mu    sync.Mutex
	moved sync.Cond // something was said, or the process ended
	cmd   *exec.Cmd
	log   *os.File // what the processes say of their troubles
	stdin io.WriteCloser
	ended chan struct{}

	kills    map[string]int
	invoices map[string]map[string]bool // by key: all that were shown
	told     map[string]map[string]int  // by key: how often each change was
	refunded map[string]bool
}

func newKeeper(t *testing.T, j job) *keeper {
	t.Helper()
	text, err := json.Marshal(j)
	require.NoError(t, err)
	k := &keeper{
		t: t, job: string(text), kills: map[string]int{},
		invoices: map[string]map[string]bool{}, told: map[string]map[string]int{}, refunded: map[string]bool{},
	}
	k.moved.L = &k.mu
	k.log, err = os.Create(filepath.Join(t.TempDir(), "shop.log"))
	require.NoError(t, err)
	k.start()
	t.Cleanup(func() {
		k.stdin.Close()
		select {
		case <-k.ended:
		case <-time.After(5 * time.Second):
			_ = k.cmd.Process.Kill()
			<-k.ended
		}
		k.log.Close()
		if text, err := os.ReadFile(k.log.Name()); err == nil && t.Failed() {
			t.Logf("the shop's troubles:\n%s", text)
		}
	})
	return k
}

func (k *keeper) start() {
	k.cmd = exec.Command(os.Args[0])
	k.cmd.Env = append(os.Environ(), jobVariable+"="+k.job)
	k.cmd.Stderr = k.log
	out, err := k.cmd.StdoutPipe()
	require.NoError(k.t, err)
	k.stdin, err = k.cmd.StdinPipe()
	require.NoError(k.t, err)
	require.NoError(k.t, k.cmd.Start())
	ended, cmd := make(chan struct{}), k.cmd
	k.ended = ended
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			k.hear(lines.Text())
		}
		_ = cmd.Wait()
		k.mu.Lock()
		defer k.mu.Unlock()
		close(ended)
		k.moved.Broadcast()
	}()
}

// hear enters what the process says.
func (k *keeper) hear(line string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	words := strings.Fields(line)
	switch words[0] {
	case "dying":
		k.kills[strings.Join(words[1:], " ")]++
	case "invoice":
		put(k.invoices, words[1], words[2], true)
	case "refunded":
		k.refunded[words[1]] = true
	case "told":
		put(k.told, words[3], words[1]+" "+words[2], k.told[words[3]][words[1]+" "+words[2]]+1)
	}
	k.moved.Broadcast()
}

func put[V any](m map[string]map[string]V, key, name string, v V) {
	if m[key] == nil {
		m[key] = map[string]V{}
	}
	m[key][name] = v
}

// ask sends commands until what they are for is there. When the process dies,
// the next one is asked the last command alone: it is armed no more.
func (k *keeper) ask(there func() bool, commands ...string) {
	k.t.Helper()
	deadline := time.AfterFunc(2*time.Minute, k.moved.Broadcast)
	defer deadline.Stop()
	until := time.Now().Add(2 * time.Minute)
	for {
		if len(commands) > 0 {
			_, _ = io.WriteString(k.stdin, strings.Join(commands, "\n")+"\n") // a dead process is seen below
		}
		k.mu.Lock()
		for !there() && !k.isDown() && time.Now().Before(until) {
			k.moved.Wait()
		}
		ok, down := there(), k.isDown()
		k.mu.Unlock()
		if !ok && !down {
			_ = k.cmd.Process.Signal(syscall.SIGQUIT) // let it say where it stands
			<-k.ended
			require.Fail(k.t, "no answer", "to %v, with %d told and %v", commands, len(k.told), k.kills)
		}
		if down {
			k.start()
			commands = commands[max(0, len(commands)-1):]
		}
		if ok {
			return
		}
	}
}

func (k *keeper) isDown() bool {
	select {
	case <-k.ended:
		return true
	default:
		return false
	}
}

// customers hand out invoices for refunds, and know which they handed to whom.
type customers struct {
	t     *testing.T
	node  *lntest.Node
	mu    sync.Mutex
	given map[string][][32]byte
	hold  map[string]payments.Preimage // these will be slow to take the money
}

func (c *customers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	c.mu.Lock()
	defer c.mu.Unlock()
	var text string
	if p, slow := c.hold[key]; slow && len(c.given[key]) == 0 {
		text = c.node.HoldInvoice(c.t, p.Hash(), int64(price))
	} else {
		text = c.node.Invoice(c.t, int64(price), time.Hour)
	}
	c.given[key] = append(c.given[key], hashOf(c.t, text))
	_, _ = io.WriteString(w, text)
}

// got is what each customer was paid, over all invoices they ever gave.
func (c *customers) got(key string) (msat int64, parts int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.given[key] {
		r := c.node.LookUp(c.t, h)
		parts += r.Parts
		if r.State == "SETTLED" {
			msat += r.Msat
		}
	}
	return msat, parts
}

func shopJob(t *testing.T, n *lntest.Network, c http.Handler) job {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	var key [32]byte
	for i := range key {
		key[i] = byte(rand.Uint32())
	}
	return job{
		URL: n.Shop.REST(), Cert: string(n.Shop.Cert(t)), PreimageKey: hex.EncodeToString(key[:]),
		Macaroon: hex.EncodeToString(n.Shop.Macaroon(t, join(receiving, paying)...)),
		DB:       filepath.Join(t.TempDir(), "shop.db"), Fetch: server.URL + "/", Epoch: time.Now(),
	}
}

// scale is the whole number in CI, and a share of it elsewhere.
func scale(whole, share int) int {
	if lntest.Full() {
		return whole
	}
	return share
}

// seeded is random by DMSHOP_TEST_SEED, or anew each time.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("DMSHOP_TEST_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// plan says at which orders the process dies, and where: each point as often
// as the others.
func plan(random *rand.Rand, orders, each int, points ...string) map[int]string {
	at := map[int]string{}
	places := random.Perm(orders)
	for i := range each * len(points) {
		at[places[i]] = points[i%len(points)]
	}
	return at
}

func (k *keeper) requireKills(each int, points ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.t.Logf("kills: %v", k.kills)
	for _, p := range points {
		require.Equal(k.t, each, k.kills[p], "kills at %q", p)
	}
}

// Customers pay, while the shop's process is killed at each point and lnd under
// them: each settled invoice is reported exactly once, and none is missed.
func TestMustHold_Payments(t *testing.T) {
	n := lntest.Start(t)
	random := seeded(t)
	orders, each := scale(200, 30), scale(5, 1)
	points := []string{beforeIntent, intentToCall, callToAnswer, answerToRecord, toldToRecord}
	deaths := plan(random, orders, each, points...)
	lndDies := random.IntN(orders)
	k := newKeeper(t, shopJob(t, n, http.NotFoundHandler()))
	for i := range orders {
		key := fmt.Sprint("order-", i)
		commands := []string{"charge " + key}
		if point, dies := deaths[i]; dies {
			if point == toldToRecord { // of this one, and of none before
				k.ask(func() bool { return len(k.told) == i })
			}
			commands = slices.Insert(commands, 0, "die "+point)
		}
		k.ask(func() bool { return len(k.invoices[key]) > 0 }, commands...)
		k.mu.Lock()
		invoice := slices.Collect(maps.Keys(k.invoices[key]))[0]
		k.mu.Unlock()
		if i == lndDies {
			n.Shop.Kill(t)
			n.Shop.Restart(t)
		}
		n.Customer.Pay(t, invoice)
		if deaths[i] == toldToRecord { // and is told again before the next one
			k.ask(func() bool { return k.isDown() })
			k.ask(func() bool { return k.told[key][key+".1 paid"] == 2 })
		}
	}
	k.ask(func() bool { return len(k.told) == orders })
	repeated := 0
	for i := range orders {
		key := fmt.Sprint("order-", i)
		require.Len(t, k.invoices[key], 1, "one invoice of a key is ever shown")
		for text := range k.invoices[key] {
			require.Equal(t, lntest.Received{State: "SETTLED", Msat: int64(price), Parts: 1}, n.Shop.LookUp(t, hashOf(t, text)))
		}
		for change, times := range k.told[key] {
			require.Equal(t, key+".1 paid", change)
			repeated += times - 1
		}
		require.Len(t, k.told[key], 1, "reported once")
	}
	t.Logf("%d payments, each reported once; %d of them told again, under the same ID, after a kill", orders, repeated)
	k.requireKills(each, points...)
}

// The shop pays customers back, while its process is killed at each point and
// lnd in the middle of payments: each customer is paid exactly once, by what
// the customers' node says.
func TestMustHold_Refunds(t *testing.T) {
	n := lntest.Start(t)
	random := seeded(t)
	orders, each := scale(100, 16), scale(5, 1)
	points := []string{beforeIntent, intentToCall, callToAnswer, answerToRecord}
	deaths := plan(random, orders, each, points...)
	c := &customers{t: t, node: n.Customer, given: map[string][][32]byte{}, hold: map[string]payments.Preimage{}}
	k := newKeeper(t, shopJob(t, n, c))
	lndKills, lndKillsWanted := 0, scale(4, 1)
	for i := range orders {
		key := fmt.Sprint("customer-", i)
		commands := []string{"refund " + key}
		if point, dies := deaths[i]; dies {
			commands = slices.Insert(commands, 0, "die "+point)
		} else if lndKills < lndKillsWanted {
			lndKills++
			c.killLnd(n, k, key)
		}
		k.ask(func() bool { return k.refunded[key] }, commands...)
	}
	require.Equal(t, lndKillsWanted, lndKills)
	fetched := 0
	for i := range orders {
		key := fmt.Sprint("customer-", i)
		msat, parts := c.got(key)
		require.EqualValues(t, price, msat, "%s is paid, and once", key)
		require.Equal(t, 1, parts)
		fetched += len(c.given[key])
	}
	t.Logf("%d refunds, each paid once, over %d invoices; lnd killed %d times in the middle of a payment", orders, fetched, lndKills)
	k.requireKills(each, points...)
}

// killLnd lets the customer be slow, and kills the shop's lnd while the payment
// is on its way; the customer takes the money when it is back.
func (c *customers) killLnd(n *lntest.Network, k *keeper, key string) {
	preimage := newPreimage()
	c.mu.Lock()
	c.hold[key] = preimage
	c.mu.Unlock()
	_, _ = io.WriteString(k.stdin, "refund "+key+"\n")
	require.Eventually(c.t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.given[key]) > 0
	}, 30*time.Second, 10*time.Millisecond)
	n.Customer.Await(c.t, preimage.Hash(), "ACCEPTED")
	n.Shop.Kill(c.t)
	n.Shop.Restart(c.t)
	n.Customer.Settle(c.t, preimage)
}
