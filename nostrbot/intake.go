package nostrbot

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nbd-wtf/go-nostr/nip13"

	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

// intake opens what the relays deliver, in parallel, and hands it to the
// mailboxes in the order of delivery. Both queues are bounded, as
// are the mailboxes: when customers are served slower than messages come, the
// relays keep them for us.
type intake struct {
	bot   *Bot
	mu    sync.Mutex // makes one order out of the relays' deliveries
	work  chan *opening
	order chan *opening
	stop  chan struct{}
	seen  seen
	lanes lanes

	// On the way from the relays to the mailboxes, in the queues and held
	// until a backlog is whole.
	queued, held atomic.Int64

	warned time.Time // of dates that are out of bounds; of sort alone
}

type opening struct {
	relay.Delivery
	msg    dm.Message
	err    error
	opened chan struct{}
	lanes  atomic.Int32 // of a mark: how many lanes it has not gone through
}

const (
	intakeQueue = 256
	// warnStale is how long nothing is said again of dates out of bounds.
	warnStale = 10 * time.Minute
)

func (in *intake) init(b *Bot) {
	in.bot = b
	in.work = make(chan *opening, intakeQueue)
	in.order = make(chan *opening, intakeQueue)
	in.stop = make(chan struct{})
	in.lanes.init(b)
}

// deliver is called by the relay legs, each its own goroutine.
func (in *intake) deliver(ctx context.Context, d relay.Delivery) {
	if in.seen.begin(d.Event) {
		in.lanes.admit(ctx, &opening{Delivery: d, opened: make(chan struct{})})
	}
}

// caughtUp is called by a leg after it delivered all that the relay kept.
func (in *intake) caughtUp(ctx context.Context, url string) {
	in.lanes.caughtUp(ctx, &opening{Delivery: relay.Delivery{Relay: url}, opened: make(chan struct{})})
}

func (in *intake) queue(ctx context.Context, o *opening) {
	in.queued.Add(1)
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, queue := range []chan *opening{in.work, in.order} {
		select {
		case queue <- o:
		case <-in.stop:
			return
		case <-ctx.Done():
			return
		}
	}
}

// run starts the openers; the function it returns stops intake. What was not in
// a mailbox by then is on the relays still.
func (in *intake) run(ctx context.Context) (stop func()) {
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				select {
				case o := <-in.work:
					if o.Event != nil {
						in.open(ctx, o)
					}
					close(o.opened)
				case <-in.stop:
					return
				}
			}
		})
	}
	wg.Go(in.sort)
	if in.bot.cfg.DecryptBudget.PerSecond > 0 {
		wg.Go(func() { in.lanes.trusted.run(ctx) })
		wg.Go(func() { in.lanes.others.run(ctx) })
	}
	return func() { close(in.stop); wg.Wait() }
}

// sort hands the opened messages to the mailboxes, in order.
func (in *intake) sort() {
	held := &backlog{
		legs:   map[string]*held{},
		put:    func(a addressed) { in.bot.boxes.put(a.customer, a.letter) },
		undone: in.undone,
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := held.expire(time.Now())
		in.held.Store(held.len())
		if next > 0 {
			timer.Reset(next)
		}
		select {
		case o := <-in.order:
			select {
			case <-o.opened:
				in.accept(held, o)
				in.held.Store(held.len())
				in.queued.Add(-1)
			case <-in.stop:
				return
			}
		case <-timer.C:
		case <-in.stop:
			return
		}
	}
}

// quiet tells that nothing is on the way from the relays to the mailboxes.
func (in *intake) quiet() bool {
	return in.queued.Load() == 0 && in.held.Load() == 0 && in.lanes.quiet()
}

// open tries until the event is opened or refused: a signer that could not be
// asked says nothing about the event.
func (in *intake) open(ctx context.Context, o *opening) {
	for {
		o.msg, o.err = dm.Open(ctx, in.bot.cfg.Signer, o.Event, in.bot.now())
		if o.err == nil || errors.Is(o.err, dm.ErrRefused) {
			return
		}
		in.bot.log.Error("signer failed, trying again", "event", o.Event.ID, "err", o.err)
		select {
		case <-time.After(time.Second):
		case <-in.stop:
			return
		}
	}
}

// undone asks the Store once per customer which letters were handled before.
// Where it cannot say, the mailbox will ask again.
func (in *intake) undone(letters []addressed) []addressed {
	ids := map[PubKey][]string{}
	for _, a := range letters {
		ids[a.customer] = append(ids[a.customer], a.id)
	}
	done := map[string]bool{}
	for customer, asked := range ids {
		conv, err := in.bot.store.Load(in.bot.serving, customer, in.bot.now(), asked...)
		if err != nil {
			in.bot.log.Error("ledger cannot be asked", "customer", customer, "err", err)
			continue
		}
		for _, id := range conv.Done {
			done[id] = true
		}
	}
	return slices.DeleteFunc(letters, func(a addressed) bool {
		if done[a.id] {
			in.seen.settle(a.event)
		}
		return done[a.id]
	})
}

func (in *intake) accept(held *backlog, o *opening) {
	switch {
	case o.Event == nil:
		held.complete(o.Relay)
		in.bot.alarm.caughtUp(o.Relay)
	case o.err != nil:
		in.refused(o)
	case o.msg.Kind == 4 || o.msg.Kind == 14: // else a reaction, a file, a deletion: nothing to answer
		in.bot.directory.want(o.msg.From)
		held.add(addressed{o.msg.From, letter{
			id: o.msg.ID, text: o.msg.Text, sentAt: o.msg.SentAt, dated: o.msg.Dated, via: o.msg.Via, relay: o.Relay,
			event: o.Event.ID, work: max(0, nip13.CommittedDifficulty(o.Event)),
		}}, o.Stored, time.Now())
	default:
		in.seen.settle(o.Event.ID)
	}
}

// refused notes an event that is no message for us. A wrap's contents follow
// from its id, so it will not get better, save for a date that is too far ahead.
func (in *intake) refused(o *opening) {
	in.bot.log.Debug("message refused", "event", o.Event.ID, "relay", o.Relay, "err", o.err)
	if o.Event.Kind == kindGiftWrap && errors.Is(o.err, dm.ErrRefused) && !errors.Is(o.err, dm.ErrStale) {
		in.seen.settle(o.Event.ID)
		return
	}
	// Anybody can write a wrong date, so this is not said each time.
	if now := time.Now(); errors.Is(o.err, dm.ErrStale) && now.Sub(in.warned) > warnStale {
		in.warned = now
		in.bot.log.Warn("a message is not handled for its date: is this machine's clock right?", "relay", o.Relay, "now", in.bot.now(), "err", o.err)
	}
	in.seen.release(o.Event.ID)
}
