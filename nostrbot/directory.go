package nostrbot

import (
	"container/list"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/nostrbot/dm"
)

const (
	foundTTL      = time.Hour
	absentTTL     = 10 * time.Minute
	unreadableTTL = 30 * time.Second
	// patience is how long a reply waits for a first lookup.
	patience = 300 * time.Millisecond
	// lookupTime bounds a lookup, straggle how much longer the other half of
	// the relays may take than the first.
	lookupTime = 2 * time.Second
	straggle   = 150 * time.Millisecond

	directoryMax   = 10_000 // customers remembered
	lookupQueue    = 1024
	lookupBatch    = 32
	lookupWorkers  = 4
	maxStrangers   = 3 // relays of one customer that are not our own
	maxTheirRelays = 8 // of one customer in all
)

// finding is what a lookup came to.
type finding int

const (
	// unreadable: too few relays answered to say anything.
	unreadable finding = iota
	// absent: the relays answered, and have no list.
	absent
	found
)

func (f finding) String() string { return [...]string{"unreadable", "absent", "found"}[f] }

// reads is where a customer reads, as far as is known.
type reads struct {
	finding
	// Inbox is of kind 10050, general of 10002: those that we may dial.
	inbox, general []string
	// nip17 says that there is a kind 10050 with a relay in it, reachable or
	// not: their client reads NIP-17.
	nip17 bool
}

// route is where to publish. An OK from one of relays is delivery if the
// finding is found or absent.
type route struct {
	finding
	relays []string // empty: the bot's own
}

// route chooses: kind 10050 for NIP-17, the read relays of kind 10002 for
// NIP-04 and as the second choice, else where their message came from.
func (r reads) route(via Protocol, origin []string) route {
	listed := r.general
	if via == NIP17 && len(r.inbox) > 0 {
		listed = r.inbox
	}
	switch {
	case len(listed) > 0:
		return route{found, listed}
	case r.finding == found: // a list, but none of its relays is for us
		return route{absent, origin}
	}
	return route{r.finding, origin}
}

// directory looks up where customers read, off the path from message to reply,
// and remembers it for a while. What was found is not forgotten because the
// relays are down.
type directory struct {
	bot  *Bot
	own  []string // normalised
	asks []string // own and index relays
	// host tells whether a stranger's relay may be dialled at all.
	host func(url string) bool

	mu      sync.Mutex
	entries map[PubKey]*list.Element
	order   list.List // of *entry, used last in front
	ups     int       // relays that came up so far
	queue   chan PubKey
}

type entry struct {
	customer PubKey
	reads
	until   time.Time
	failed  int           // directory.ups when the last lookup failed; -1: it did not
	pending chan struct{} // closed when the lookup under way ends; nil: none is
}

func (d *directory) init(b *Bot, own, index []string) {
	d.bot, d.own = b, own
	d.asks = slices.Concat(own, index)
	d.host = publicRelay
	if b.cfg.GuestClient != nil {
		d.host = func(url string) bool { return strings.HasPrefix(url, "wss://") }
	}
	d.entries = map[PubKey]*list.Element{}
	d.queue = make(chan PubKey, lookupQueue)
}

// want starts a lookup if one is due.
func (d *directory) want(customer PubKey) { d.entry(customer) }

// get returns what is known. It waits for a lookup under way, if need be, as
// long as it may.
func (d *directory) get(ctx context.Context, customer PubKey, wait time.Duration) reads {
	known, pending := d.entry(customer)
	if pending == nil {
		return known
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-pending:
		known, _ = d.entry(customer)
	case <-timer.C:
	case <-ctx.Done():
	}
	return known
}

// entry returns what is known, and what to wait for if that is out of date.
func (d *directory) entry(customer PubKey) (reads, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	element := d.entries[customer]
	if element == nil {
		element = d.order.PushFront(&entry{customer: customer, failed: -1})
		d.entries[customer] = element
		d.trim()
	}
	d.order.MoveToFront(element)
	e := element.Value.(*entry)
	due := !d.bot.now().Before(e.until) || e.failed >= 0 && e.failed != d.ups
	if e.pending == nil && due {
		select {
		case d.queue <- customer:
			e.pending = make(chan struct{})
		default: // a flood of strangers; who comes later may have more luck
		}
	}
	return e.reads, e.pending
}

// relayUp makes what could not be read worth another lookup.
func (d *directory) relayUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ups++
}

func (d *directory) trim() {
	if d.order.Len() <= directoryMax {
		return
	}
	for element := d.order.Back(); element != nil; element = element.Prev() {
		if e := element.Value.(*entry); e.pending == nil {
			d.order.Remove(element)
			delete(d.entries, e.customer)
			return
		}
	}
}

// run looks up until ctx ends. Customers that wait are asked about together.
func (d *directory) run(ctx context.Context, wg *sync.WaitGroup) {
	for range lookupWorkers {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case first := <-d.queue:
					d.lookup(ctx, d.batch(first))
				}
			}
		})
	}
}

func (d *directory) batch(first PubKey) []PubKey {
	customers := []PubKey{first}
	for len(customers) < lookupBatch {
		select {
		case c := <-d.queue:
			customers = append(customers, c)
		default:
			return customers
		}
	}
	return customers
}

func (d *directory) lookup(ctx context.Context, customers []PubKey) {
	d.mu.Lock()
	ups := d.ups
	d.mu.Unlock()
	events, answered := d.ask(ctx, customers)
	newest := newestLists(events, d.bot.now())
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.bot.now()
	for _, c := range customers {
		e := d.entries[c].Value.(*entry) // those under way are not trimmed
		e.failed = -1
		inbox, general := newest[listOf{c, dm.KindInboxRelays}], newest[listOf{c, dm.KindRelays}]
		switch {
		case len(inbox.Read)+len(general.Read) > 0:
			e.reads = reads{
				finding: found, inbox: d.usable(inbox.Read), general: d.usable(general.Read),
				nip17: len(inbox.Read) > 0,
			}
			e.until = now.Add(foundTTL)
			if !e.nip17 { // it may be on a relay that was slow
				e.until = now.Add(absentTTL)
			}
		case answered:
			e.reads, e.until = reads{finding: absent}, now.Add(absentTTL)
		default:
			e.until, e.failed = now.Add(unreadableTTL), ups
		}
		close(e.pending)
		e.pending = nil
	}
}

// ask returns what the relays keep, and whether half of them said that it is
// all. Who is slower than that is waited for a moment only.
func (d *directory) ask(ctx context.Context, customers []PubKey) (events []*nostr.Event, answered bool) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	filter := nostr.Filter{Kinds: []int{dm.KindInboxRelays, dm.KindRelays}}
	for _, c := range customers {
		filter.Authors = append(filter.Authors, c.String())
	}
	type answer struct {
		events []*nostr.Event
		err    error
	}
	answers := make(chan answer, len(d.asks))
	for _, url := range d.asks {
		go func() {
			a := d.bot.pool.Fetch(ctx, filter, url)[0]
			answers <- answer{a.Events, a.Err}
		}()
	}
	whole := 0
	for range d.asks {
		a := <-answers // none takes longer than ctx
		events = append(events, a.events...)
		if a.err != nil {
			continue
		}
		if whole++; 2*whole >= len(d.asks) && !answered {
			answered = true
			defer time.AfterFunc(straggle, cancel).Stop()
		}
	}
	return events, answered
}

// listOf names a replaceable event.
type listOf struct {
	author PubKey
	kind   int
}

// newestLists keeps the newest of what is signed and sound.
func newestLists(events []*nostr.Event, now time.Time) map[listOf]dm.RelayList {
	newest, ids := map[listOf]dm.RelayList{}, map[listOf]string{}
	for _, ev := range events {
		l, err := dm.OpenRelayList(ev, now)
		if err != nil {
			continue
		}
		key := listOf{l.Author, l.Kind}
		old, known := newest[key]
		if known && (old.At.After(l.At) || old.At.Equal(l.At) && ids[key] <= ev.ID) {
			continue // NIP-01: of two of one second the lower id counts
		}
		newest[key], ids[key] = l, ev.ID
	}
	return newest
}

// usable are those of a customer's relays that we publish to: our own, and the
// first few others that may be dialled.
func (d *directory) usable(relays []string) (usable []string) {
	strangers := 0
	for _, u := range relays {
		if len(usable) == maxTheirRelays {
			break
		}
		if !slices.Contains(d.own, u) {
			if strangers == maxStrangers || !d.host(u) {
				continue
			}
			strangers++
		}
		usable = append(usable, u)
	}
	return usable
}
