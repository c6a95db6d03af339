package payments

import "sync"

// deliveries remembers the last webhooks, so that one that is sent again and
// again costs no look-up. Forgetting one does no harm.
type deliveries struct {
	mu   sync.Mutex
	seen map[string]bool
	ring [1024]string
	next int
}

func (d *deliveries) has(n Notice) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return n.Delivery != "" && d.seen[n.Delivery+" "+n.ID]
}

func (d *deliveries) add(n Notice) {
	if n.Delivery == "" || len(n.Delivery) > maxID {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil {
		d.seen = make(map[string]bool, len(d.ring))
	}
	name := n.Delivery + " " + n.ID
	if d.seen[name] {
		return
	}
	delete(d.seen, d.ring[d.next])
	d.ring[d.next] = name
	d.seen[name] = true
	d.next = (d.next + 1) % len(d.ring)
}
