package lnd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/lnd"
)

// A shop in a process of its own, on SQLite and the real lnd, which kills
// itself at a named point: nothing of it survives but what was committed. It
// reads commands on stdin and tells on stdout, a line each:
//
//	die POINT        arm the point for what comes next
//	charge KEY       -> invoice KEY BOLT11
//	refund KEY       -> refunded KEY
//	                 -> told CHANGE EVENT KEY    the handler's effect is durable
//	                 -> dying POINT

const jobVariable = "DMSHOP_TEST_SHOP"

// job is what the shop's process is given. Certificate and secrets are hex.
type job struct {
	URL, Cert, Macaroon, PreimageKey, DB string
	// Fetch is the customers' service, which answers with a new invoice:
	// Fetch + the refund's key.
	Fetch string
	// Epoch is when the till's clock began.
	Epoch time.Time
}

// fastClock runs sixty times as fast as the world, in all processes of a test:
// the claim of a process that was killed outlives it by most of a minute.
type fastClock struct{ epoch time.Time }

const fast = 60

func (c fastClock) Now() time.Time { return c.epoch.Add(time.Since(c.epoch) * fast) }

func (c fastClock) After(d time.Duration) <-chan time.Time { return time.After(d / fast) }

// The points at which the process dies.
const (
	beforeIntent   = "before intent"
	intentToCall   = "intent to call"
	callToAnswer   = "call to answer"
	answerToRecord = "answer to record"
	toldToRecord   = "told to record" // of telling, not of creating
)

// shop is the process.
type shop struct {
	kv    payments.KV
	till  *payments.Till
	proxy *proxy
	calls *lnd.Wallet // through the proxy
	desk  payments.Refunder
	out   sync.Mutex
	mu    sync.Mutex
	point string
}

func runShop(text string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "shop:", err)
			os.Exit(1)
		}
	}
	var j job
	fail(json.Unmarshal([]byte(text), &j))
	c := lnd.Config{URL: j.URL, Cert: []byte(j.Cert), Network: bolt11.Regtest, PayTimeout: 20 * time.Second}
	var err error
	c.Macaroon, err = lnd.ParseMacaroon([]byte(j.Macaroon))
	fail(err)
	c.PreimageKey, err = lnd.ParsePreimageKey(j.PreimageKey)
	fail(err)
	store, err := sqlitestore.Open(j.DB)
	fail(err)
	direct, err := lnd.New(c)
	fail(err)
	s := &shop{kv: store}
	s.proxy, err = listenProxy(c.URL)
	fail(err)
	s.proxy.answered = func() { s.die(callToAnswer) }
	c.URL = s.proxy.URL()
	s.calls, err = lnd.New(c)
	fail(err)
	kv := mortalKV{store, s}
	s.till = payments.NewTill(mortalWallet{direct, s}, kv, payments.TillOptions{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Clock: fastClock{j.Epoch},
	})
	s.till.OnChange(s.hear)
	s.desk = payments.RefundByInvoice(mortalWallet{direct, s}, func(ctx context.Context, r payments.Refund) (string, payments.Hash, error) {
		return fetch(ctx, j.Fetch+r.Key)
	})
	go func() { fail(s.till.Run(context.Background())) }()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		command, arg, _ := strings.Cut(lines.Text(), " ")
		switch command {
		case "die":
			s.arm(arg)
		case "charge":
			s.charge(arg)
		case "refund":
			s.refund(arg)
		}
	}
	os.Exit(0)
}

func (s *shop) say(words ...any) {
	s.out.Lock()
	defer s.out.Unlock()
	fmt.Println(words...)
}

func (s *shop) arm(point string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.point = point
}

func (s *shop) armed(point string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.point == point
}

// die kills the process, if this is the point.
func (s *shop) die(point string) {
	if !s.armed(point) {
		return
	}
	s.say("dying", point)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// charge asks until there is an invoice: the customer has nothing yet.
func (s *shop) charge(key string) {
	for {
		inv, err := s.till.Charge(context.Background(), payments.Charge{Key: key, Amount: price, Memo: "coffee", Expiry: 7 * 24 * time.Hour})
		if err == nil {
			s.say("invoice", key, inv.Bolt11)
			return
		}
		fmt.Fprintln(os.Stderr, "shop: charge:", err)
		time.Sleep(100 * time.Millisecond) // lnd may be starting
	}
}

// hear does what follows from a change, once for its ID, and then tells.
func (s *shop) hear(ctx context.Context, c payments.Change) error {
	if _, err := s.kv.Put(ctx, "effect/"+c.ID, []byte(c.Event), 0); err != nil {
		return err
	}
	dies := s.armed(toldToRecord) // not when it is armed because of what is said now
	s.say("told", c.ID, c.Event, c.Key)
	if dies {
		s.die(toldToRecord)
	}
	return nil
}

// refund pays a customer back: it stores the attempt, executes it, and asks
// until its end is known. Another attempt is made only after one has failed.
func (s *shop) refund(key string) {
	ctx, name := context.Background(), "refund/"+key
	for {
		if err := s.refundOnce(ctx, key, name); err == nil {
			s.say("refunded", key)
			return
		} else if !errors.Is(err, errNotYet) {
			fmt.Fprintln(os.Stderr, "shop: refund:", err)
		}
		time.Sleep(50 * time.Millisecond) // lnd may be starting, or the payment on its way
	}
}

var errNotYet = errors.New("its end is not known yet")

func (s *shop) refundOnce(ctx context.Context, key, name string) error {
	done, _, err := s.kv.Get(ctx, name+"/done")
	if err != nil || done != nil {
		return err
	}
	attempt, rev, err := s.kv.Get(ctx, name)
	if err != nil {
		return err
	}
	if rev > 0 { // begun before: what became of it?
		switch p, err := s.desk.RefundStatus(ctx, attempt); {
		case err == nil && p.State == payments.PaySucceeded:
			return s.refundDone(ctx, name)
		case err == nil && p.State == payments.PayFailed:
			attempt = nil // certainly not paid: begin anew
		case err == nil:
			return errNotYet
		case !errors.Is(err, payments.ErrNotFound):
			return err
		}
	}
	if attempt == nil {
		attempt, err = s.desk.PrepareRefund(ctx, payments.Refund{Key: key, Destination: "customer", Amount: price, MaxFee: payments.Sat})
		if err != nil {
			return err
		}
		s.die(beforeIntent)
		ok, err := s.kv.Put(ctx, name, attempt, rev)
		if err != nil || !ok {
			return fmt.Errorf("store attempt: %v %w", ok, err)
		}
	}
	p, err := s.desk.ExecuteRefund(ctx, attempt)
	switch {
	case err != nil:
		return err
	case p.State != payments.PaySucceeded:
		return errNotYet
	}
	return s.refundDone(ctx, name)
}

func (s *shop) refundDone(ctx context.Context, name string) error {
	_, err := s.kv.Put(ctx, name+"/done", []byte("paid"), 0)
	return err
}

// mortalKV dies before the till's first record of a charge.
type mortalKV struct {
	payments.KV
	shop *shop
}

func (m mortalKV) Put(ctx context.Context, name string, value []byte, rev int64) (bool, error) {
	if rev == 0 && strings.Contains(name, "charge/") {
		m.shop.die(beforeIntent)
	}
	return m.KV.Put(ctx, name, value, rev)
}

// mortalWallet dies around the calls that change something.
type mortalWallet struct {
	*lnd.Wallet
	shop *shop
}

func (m mortalWallet) CreateInvoice(ctx context.Context, c payments.Charge) (payments.Invoice, error) {
	m.shop.around(ctx)
	inv, err := m.shop.calls.CreateInvoice(ctx, c)
	if err == nil {
		m.shop.die(answerToRecord)
	}
	return inv, err
}

func (m mortalWallet) Pay(ctx context.Context, r payments.PayRequest) (payments.Payment, error) {
	m.shop.around(ctx)
	p, err := m.shop.calls.Pay(ctx, r)
	if err == nil {
		m.shop.die(answerToRecord)
	}
	return p, err
}

// around is right before a call: the intent is stored. To die between the call
// and its answer, the proxy is told to lose that answer, on a connection that
// stands.
func (s *shop) around(ctx context.Context) {
	s.die(intentToCall)
	if !s.armed(callToAnswer) {
		return
	}
	if _, err := s.calls.LookupInvoice(ctx, payments.Hash{1}.String()); errors.Is(err, payments.ErrNotFound) {
		s.proxy.lose(answerLost)
	}
}

func fetch(ctx context.Context, url string) (string, payments.Hash, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", payments.Hash{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", payments.Hash{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", payments.Hash{}, err
	}
	read, err := bolt11.Decode(string(bytes.TrimSpace(text)), bolt11.Regtest)
	return string(text), read.Hash, err
}
