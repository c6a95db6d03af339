package payments

import (
	"container/heap"
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/dmshop/dmshop/internal/keylock"
)

// TillOptions are the settings of a [Till]. The zero value is ready to use.
type TillOptions struct {
	// Prefix begins each name that the till uses in its KV; empty means
	// "till/". Tills of different wallets need different ones.
	Prefix string
	// LateFor is how long an invoice is looked up after its end, for money
	// that comes late or twice; zero means 24 hours. A notice is heeded at any
	// time.
	LateFor time.Duration
	// Logger gets warnings; nil means slog.Default(). No invoice and no
	// customer is named in them, only keys.
	Logger *slog.Logger
	// Clock is by which the till looks up and waits; nil means the machine's.
	Clock Clock
}

// Till charges customers and tells what became of it. It makes one invoice per
// key, looks it up until nothing more is expected, and calls the handler of
// [Till.OnChange] for each [Change] until that returns nil:
//
//	till := payments.NewTill(wallet, kv, payments.TillOptions{})
//	till.OnChange(func(ctx context.Context, c payments.Change) error { ... })
//	inv, err := till.Charge(ctx, payments.Charge{Key: "order-42", Amount: 900 * payments.Sat})
//	err = till.Run(ctx)
//
// # What holds
//
// All is kept in the KV. A charge that was returned is looked up from then on,
// by this till or the next one that runs there, whatever crashes in between;
// on start every open invoice is looked up at once. Push ([Watcher], webhooks)
// only makes that sooner: a look-up is the one thing that is believed. A
// provider that is down delays, and loses nothing.
//
// A change is durable before it is told, and told at least once: again after a
// crash, or when the handler failed. Its ID is the same each time. The changes
// of one key are told one at a time, in their order.
//
// Several tills, in several processes, may share one KV. Each looks all
// invoices up; a change is told by one of them at a time.
//
// A Till is safe for concurrent use. Charge and Notify need no Run in this
// process, only in some.
type Till struct {
	wallet  Provider
	kv      KV
	options TillOptions
	owner   string // of claims
	handler func(context.Context, Change) error
	keys    keylock.Locks

	mu      sync.Mutex
	running bool
	tasks   map[string]*task
	queue   taskQueue
	wake    chan struct{} // of one: the queue's head has changed
	heard   deliveries
}

// NewTill makes a till for the wallet, which keeps all it knows in kv. It
// panics when one of them is missing.
func NewTill(wallet Provider, kv KV, o TillOptions) *Till {
	if wallet == nil || kv == nil {
		panic("payments: NewTill: give it a wallet and a KV")
	}
	if o.LateFor < 0 {
		panic("payments: NewTill: TillOptions.LateFor: want zero for the default, or more")
	}
	if o.Prefix == "" {
		o.Prefix = "till/"
	}
	if o.LateFor == 0 {
		o.LateFor = 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = machineClock{}
	}
	return &Till{
		wallet: wallet, kv: kv, options: o, owner: rand.Text(),
		tasks: map[string]*task{}, wake: make(chan struct{}, 1),
	}
}

// OnChange registers the handler of changes. It may be called again for a
// change whose call failed, was cut short by the end of the process, or took
// more than 30 seconds: do what follows from a change under its ID, or under its
// key, once. A handler that fails is called again after a second, then more and
// more rarely, up to a minute; meanwhile the key's later changes wait.
//
// It panics when there is a handler already, or the till runs.
func (t *Till) OnChange(handler func(ctx context.Context, c Change) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if handler == nil || t.handler != nil || t.running {
		panic("payments: Till.OnChange: register one handler, before Run")
	}
	t.handler = handler
}

func (t *Till) now() time.Time { return t.options.Clock.Now() }

// task is a charge in which this process takes an interest.
type task struct {
	key      string
	due      time.Time
	look     time.Time // when to look it up; telling may come sooner
	failures int       // in a row
	position int       // in the queue; -1 while it is worked on
	again    bool      // something came while it was worked on
}

// taskQueue is a heap by due.
type taskQueue []*task

func (q taskQueue) Len() int           { return len(q) }
func (q taskQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q taskQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].position, q[j].position = i, j
}

func (q *taskQueue) Push(x any) {
	x.(*task).position = len(*q)
	*q = append(*q, x.(*task))
}

func (q *taskQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	last.position = -1
	return last
}

// soon lets the charge be looked up at that time, or sooner.
func (t *Till) soon(key string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.tasks[key]
	switch {
	case k == nil:
		k = &task{key: key, due: at, look: at}
		t.tasks[key] = k
		heap.Push(&t.queue, k)
	case k.position < 0:
		k.again = true
	case at.Before(k.look) || at.Before(k.due):
		k.look, k.due = at, at
		heap.Fix(&t.queue, k.position)
	}
	t.signal()
}

func (t *Till) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take is the task whose time has come, or how long until the next one's.
func (t *Till) take(now time.Time) (k *task, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		return nil, time.Hour
	}
	if wait := t.queue[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&t.queue).(*task), 0
}

// back puts a task back that was worked on; done forgets it.
func (t *Till) back(k *task, due, look time.Time, done bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case k.again:
		k.again, k.due, k.look = false, t.now(), t.now()
	case done:
		delete(t.tasks, k.key)
		return
	default:
		k.due, k.look = due, look
	}
	heap.Push(&t.queue, k)
	t.signal()
}
