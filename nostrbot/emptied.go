package nostrbot

// emptied are customers for whom the Store holds nothing to be sent, as far as
// this process can know: its own sender sent everything, and nobody committed
// since. What the mailbox commits next for one of them is all there is, and is
// sent without being read back.
//
// Who commits past the mailbox (see [Bot.Send]) announces it, or a reply could
// overtake what was committed earlier. Where several processes share a Store
// that is a [Claimer], nothing is ever known.
//
// It is guarded by the outbox's lock.
type emptied struct {
	shared    bool
	customers map[PubKey]struct{}
	outside   map[PubKey]int // commits past the mailbox that are under way
}

// maxEmptied bounds the memory; who does not fit costs one question more.
const maxEmptied = 16384

func (e *emptied) init(b *Bot) {
	_, e.shared = b.store.(Claimer)
	e.customers, e.outside = map[PubKey]struct{}{}, map[PubKey]int{}
}

// put is for a sender that leaves: it sent all that the Store held.
func (e *emptied) put(customer PubKey) {
	if e.shared || e.outside[customer] > 0 {
		return
	}
	if len(e.customers) >= maxEmptied {
		for other := range e.customers {
			delete(e.customers, other)
			break
		}
	}
	e.customers[customer] = struct{}{}
}

// take tells whether the customer is one, who from now on is not.
func (e *emptied) take(customer PubKey) bool {
	_, ok := e.customers[customer]
	delete(e.customers, customer)
	return ok
}

// past announces a commit past the mailbox. end is called when it is over, and
// when a sender was kicked for it.
func (o *outbox) past(customer PubKey) (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.empty.take(customer)
	o.empty.outside[customer]++
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.empty.outside[customer]--; o.empty.outside[customer] == 0 {
			delete(o.empty.outside, customer)
		}
	}
}
