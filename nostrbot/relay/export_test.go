package relay

// Waiters tells how many Publish calls wait for one relay's answer.
func (p *Pool) Waiters(relay, id string) int {
	for _, l := range p.own {
		if l.url != relay {
			continue
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if pub := l.pubs[id]; pub != nil {
			return pub.waiters
		}
	}
	return 0
}

// Publications is how many one relay's leg remembers.
func (p *Pool) Publications(relay string) int {
	for _, l := range p.own {
		if l.url == relay {
			l.mu.Lock()
			defer l.mu.Unlock()
			return len(l.pubs)
		}
	}
	return 0
}
