package nostrbot

// emptied are customers for whom the Store holds nothing to be sent, as far as
// this process can know: its own sender sent everything, and nobody committed
// since. What the mailbox commits next for one of them is all there is, and is
// sent without being read back.
//
// Every commit is announced, so that a sender which leaves meanwhile claims to
// know nothing: it may have sent what that commit brought, or not seen it. One
// past the mailbox (see [Bot.Send]) ends what is known, too, or a reply could
// overtake what was committed earlier. Where several processes share a Store
// that is a [Claimer], nothing is ever known.
//
// It is guarded by the outbox's lock.
type emptied struct {
	shared    bool
	customers map[PubKey]struct{}
	commits   map[PubKey]int // that are under way
}

// maxEmptied bounds the memory; who does not fit costs one question more.
const maxEmptied = 16384

func (e *emptied) init(b *Bot) {
	_, e.shared = b.store.(Claimer)
	e.customers, e.commits = map[PubKey]struct{}{}, map[PubKey]int{}
}

// put is for a sender that leaves: it sent all that the Store held.
func (e *emptied) put(customer PubKey) {
	if e.shared || e.commits[customer] > 0 {
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

// committing announces a commit, by the mailbox or past it. end is called when
// it is over, and when a sender was kicked for it.
func (o *outbox) committing(customer PubKey, past bool) (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if past {
		o.empty.take(customer)
	}
	o.empty.commits[customer]++
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.empty.commits[customer]--; o.empty.commits[customer] == 0 {
			delete(o.empty.commits, customer)
		}
	}
}
