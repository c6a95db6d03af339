//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

const (
	// window is how many messages are under way at once in a round; as many
	// customers as a bot serves at once by default.
	window = 64
	// checked of the customers have all their replies decrypted in the end.
	checked = 24
	// patience bounds the wait for one reply.
	patience = 30 * time.Second
)

// question is a customer's n-th message, of 100 bytes.
func question(n int) string {
	s := fmt.Sprintf("Question %d, ", n)
	return s + strings.Repeat("please tell me more. ", 5)[:100-len(s)]
}

type customer struct {
	key  dm.Signer
	pub  dm.PubKey
	said int
}

// world is a bot with a relay and customers of its own.
type world struct {
	relay     *devrelay.Relay
	bot       *process
	me        dm.PubKey
	customers []*customer
	turn      int            // whose is the next message
	ready     []*nostr.Event // wraps not yet sent
	heard     chan struct{}  // one per reply

	mu      sync.Mutex
	replies map[string][]*nostr.Event // by customer, of those checked
}

// customers makes n keys that wrote nothing yet.
func newCustomers(n int) ([]*customer, error) {
	all := make([]*customer, n)
	for i := range all {
		nsec, err := dm.GenerateKey()
		if err != nil {
			return nil, err
		}
		c := &customer{key: dm.Nsec(nsec)}
		if c.pub, err = c.key.PubKey(); err != nil {
			return nil, err
		}
		all[i] = c
	}
	return all, nil
}

// subject is a kind of bot to be measured.
type subject struct {
	name      string // as the report says it
	program   string
	store     string // kind
	few, many string // what opens the stores with few and with many known customers
}

// newWorld starts a bot on the store at dsn and returns once it listens.
func newWorld(ctx context.Context, s subject, dsn string, customers []*customer, more ...string) (_ *world, err error) {
	w := &world{customers: customers, heard: make(chan struct{}, 1<<16), replies: map[string][]*nostr.Event{}}
	for _, c := range customers[:min(checked, len(customers))] {
		w.replies[c.pub.String()] = nil
	}
	nsec, err := dm.GenerateKey()
	if err != nil {
		return nil, err
	}
	if w.me, err = dm.Nsec(nsec).PubKey(); err != nil {
		return nil, err
	}
	if w.relay, err = devrelay.Start("127.0.0.1:0", devrelay.Options{Trusting: true}); err != nil {
		return nil, err
	}
	args := append([]string{"bot", "-relay", w.relay.URL(), "-store", s.store, "-dsn", dsn}, more...)
	if w.bot, err = start(ctx, s.program, nsec, args...); err != nil {
		return nil, errors.Join(err, w.relay.Close())
	}
	if _, err := w.relay.Wait(ctx, devrelay.REQ, 1); err != nil {
		return nil, errors.Join(err, w.close())
	}
	go w.listen(ctx)
	return w, nil
}

// listen counts the replies until the run ends.
func (w *world) listen(ctx context.Context) {
	for n := 1; ; n++ {
		seen, err := w.relay.Wait(ctx, devrelay.EVENT, n)
		if err != nil {
			return
		}
		to := seen.Event.Tags.Find("p")
		if seen.Event.Kind != nostr.KindGiftWrap || to == nil || to[1] == w.me.String() {
			continue // the bot's own affairs
		}
		w.mu.Lock()
		if _, ok := w.replies[to[1]]; ok {
			w.replies[to[1]] = append(w.replies[to[1]], seen.Event)
		}
		w.mu.Unlock()
		w.heard <- struct{}{}
	}
}

// prepare makes n more messages ready, of the customers in turn.
func (w *world) prepare(ctx context.Context, n int) error {
	ready := make([]*nostr.Event, n)
	errs := make([]error, runtime.GOMAXPROCS(0))
	drafts := make([]dm.Draft, n)
	from := make([]*customer, n)
	for i := range n {
		c := w.customers[w.turn%len(w.customers)]
		w.turn++
		c.said++
		from[i] = c
		drafts[i] = dm.Draft{To: w.me, Text: question(c.said), Via: dm.NIP17, At: time.Now()}
	}
	var wg sync.WaitGroup
	for worker := range errs {
		wg.Go(func() {
			for i := worker; i < n && errs[worker] == nil; i += len(errs) {
				sealed, err := dm.Seal(ctx, from[i].key, drafts[i])
				if err == nil {
					ready[i] = new(nostr.Event)
					err = ready[i].UnmarshalJSON(sealed.Event)
				}
				errs[worker] = err
			}
		})
	}
	wg.Wait()
	w.ready = append(w.ready, ready...)
	return errors.Join(errs...)
}

// send publishes the next message that is ready.
func (w *world) send() error {
	ev := w.ready[0]
	w.ready = w.ready[1:]
	return w.relay.Publish(ev)
}

func (w *world) hear(ctx context.Context, n int) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for range n {
		select {
		case <-w.heard:
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return errors.New("a reply is missing")
		}
		late.Reset(patience)
	}
	return nil
}

// burst sends n messages, up to window of them at once, and returns the CPU
// time and the time on the wall that the bot took for each.
func (w *world) burst(ctx context.Context, n int) (cpu, wall time.Duration, err error) {
	before, err := w.bot.usage("")
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	for i := range n {
		if i >= window {
			if err := w.hear(ctx, 1); err != nil {
				return 0, 0, err
			}
		}
		if err := w.send(); err != nil {
			return 0, 0, err
		}
	}
	if err := w.hear(ctx, min(n, window)); err != nil {
		return 0, 0, err
	}
	wall = time.Since(begin)
	after, err := w.bot.usage("")
	if err != nil {
		return 0, 0, err
	}
	return (after.CPU - before.CPU) / time.Duration(n), wall / time.Duration(n), nil
}

// oneByOne sends n messages, each when the one before is answered, and returns
// how long each took.
func (w *world) oneByOne(ctx context.Context, n int) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		begin := time.Now()
		if err := w.send(); err != nil {
			return nil, err
		}
		if err := w.hear(ctx, 1); err != nil {
			return nil, err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took, nil
}

// check decrypts the replies to some customers: each must have come once, in
// order. known is how many answers the store had given them before.
func (w *world) check(ctx context.Context, known int) error {
	for _, c := range w.customers[:min(checked, len(w.customers))] {
		replies := w.replies[c.pub.String()]
		if len(replies) != c.said {
			return fmt.Errorf("%d replies to %d messages", len(replies), c.said)
		}
		for i, ev := range replies {
			m, err := dm.Open(ctx, c.key, ev, time.Now())
			if err != nil {
				return err
			}
			if want := answer(known + i + 1); m.Text != want || m.From != w.me {
				return fmt.Errorf("reply %d is %q, not %q", i+1, m.Text[:20], want[:20])
			}
		}
	}
	return nil
}

func (w *world) close() error {
	return errors.Join(w.bot.stop(), w.relay.Close())
}

// copyFile copies a store that nobody has open.
func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}
