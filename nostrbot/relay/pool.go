package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	maxGuests = 64
	// maxGuestUsers is how many calls may wait for one guest: one that never
	// answers must not hold up all of them.
	maxGuestUsers = 16
)

// ErrRunning is what Run returns when it runs already or has run before.
var ErrRunning = errors.New("a pool runs once")

// Pool is a set of relays. All methods are safe for concurrent use.
type Pool struct {
	cfg Config
	own []*leg

	mu     sync.Mutex
	ran    bool
	ctx    context.Context // of Run, nil when it is not running
	wg     sync.WaitGroup
	guests map[string]*guest
}

// guest is a leg that is there as long as somebody needs it. Guarded by
// Pool.mu.
type guest struct {
	*leg
	users  int
	used   time.Time
	cancel context.CancelFunc
}

// New checks the configuration and reports all its faults at once. Nothing is
// connected before [Pool.Run].
func New(cfg Config) (*Pool, error) {
	if err := cfg.normalize(); err != nil {
		return nil, fmt.Errorf("relay pool: %w", err)
	}
	cfg.Client = noRedirects(cmp.Or(cfg.Client, ownClient()))
	if cfg.GuestClient != nil {
		cfg.GuestClient = noRedirects(cfg.GuestClient)
	}
	p := &Pool{cfg: cfg, guests: make(map[string]*guest)}
	for _, u := range cfg.URLs {
		p.own = append(p.own, newLeg(&p.cfg, u, false))
	}
	return p, nil
}

// ownClient speaks HTTP/1.1 only: a WebSocket upgrades from that.
func ownClient() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{Transport: &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{}).DialContext,
		Protocols:   protocols,
		// A handshake that failed leaves nothing to reuse.
		DisableKeepAlives: true,
	}}
}

func noRedirects(c *http.Client) *http.Client {
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Run connects to all own relays and keeps them connected until ctx ends. Then
// it closes every socket, waits for Deliver and OnUp, and returns nil; no
// goroutine of the pool is left. A pool runs once.
func (p *Pool) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.ran {
		p.mu.Unlock()
		return ErrRunning
	}
	p.ran, p.ctx = true, ctx
	for _, l := range p.own {
		p.wg.Go(func() { l.run(ctx) })
	}
	p.mu.Unlock()

	<-ctx.Done()
	p.mu.Lock()
	p.ctx = nil // no new guests
	p.mu.Unlock()
	p.wg.Wait()
	return nil
}

// Refresh asks every own relay again, by a fresh REQ, for all that it keeps: for
// a caller that could not take what was delivered. A leg that is still catching
// up does that first, so that calls without end cannot keep it from the oldest
// events.
func (p *Pool) Refresh() {
	for _, l := range p.own {
		l.mu.Lock()
		l.again = true
		if l.sess != nil && l.health.CaughtUp {
			l.sess.caughtUp()
		}
		l.mu.Unlock()
	}
}

// Health reports on each own relay, in the order of the configuration, then on
// each guest.
func (p *Pool) Health() []Leg {
	p.mu.Lock()
	legs := slices.Clone(p.own)
	for _, g := range p.guests {
		legs = append(legs, g.leg)
	}
	p.mu.Unlock()
	slices.SortFunc(legs[len(p.own):], func(a, b *leg) int { return cmp.Compare(a.url, b.url) })
	health := make([]Leg, len(legs))
	for i, l := range legs {
		health[i] = l.snapshot()
	}
	return health
}

// resolveLegs finds the legs for URLs, each once; where there is none, the
// verdict says why. releaseLegs must follow.
func (p *Pool) resolveLegs(relays []string) ([]*leg, []Verdict) {
	if len(relays) == 0 {
		verdicts := make([]Verdict, len(p.own))
		for i, l := range p.own {
			verdicts[i].Relay = l.url
		}
		return p.own, verdicts
	}
	var legs []*leg
	var verdicts []Verdict
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, raw := range relays {
		v := Verdict{Relay: raw}
		var l *leg
		if u, err := NormalizeURL(raw); err != nil {
			v.Status, v.Err = Refused, err
		} else {
			v.Relay = u
			if slices.ContainsFunc(verdicts, func(w Verdict) bool { return w.Relay == u }) {
				continue
			}
			l = p.find(&v)
		}
		legs, verdicts = append(legs, l), append(verdicts, v)
	}
	return legs, verdicts
}

// find returns the own leg, or a guest's, which it starts if need be. p.mu is
// held.
func (p *Pool) find(v *Verdict) *leg {
	if i := slices.IndexFunc(p.own, func(l *leg) bool { return l.url == v.Relay }); i >= 0 {
		return p.own[i]
	}
	g := p.guests[v.Relay]
	switch {
	case g != nil && g.users >= maxGuestUsers:
		v.Err = ErrBusy
		return nil
	case g != nil:
	case p.cfg.GuestClient == nil:
		v.Status, v.Err = Refused, ErrNotOwn
		return nil
	case p.ctx == nil:
		v.Err = fmt.Errorf("%w: %w", ErrNotConnected, errStopped)
		return nil
	case len(p.guests) >= maxGuests && !p.evict():
		v.Err = ErrGuests
		return nil
	default:
		g = &guest{leg: newLeg(&p.cfg, v.Relay, true)}
		g.release = func() bool { return p.dismiss(g) }
		p.guests[v.Relay] = g
		ctx, cancel := context.WithCancel(p.ctx)
		g.cancel = cancel
		p.wg.Go(func() {
			defer cancel()
			g.run(ctx)
		})
	}
	g.users++
	return g.leg
}

func (p *Pool) releaseLegs(legs []*leg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range legs {
		if l == nil {
			continue
		}
		if g := p.guests[l.url]; g != nil && g.leg == l {
			g.users--
			g.used = time.Now()
		}
	}
}

// evict lets the guest go that has been idle for longest. p.mu is held.
func (p *Pool) evict() bool {
	var oldest *guest
	for _, g := range p.guests {
		if g.users == 0 && (oldest == nil || g.used.Before(oldest.used)) {
			oldest = g
		}
	}
	if oldest == nil {
		return false
	}
	delete(p.guests, oldest.url)
	oldest.cancel()
	return true
}

// dismiss reports whether a guest is not needed any more, and strikes it off:
// the next user gets a new leg.
func (p *Pool) dismiss(g *guest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.guests[g.url] != g {
		return true
	}
	if g.users > 0 || time.Since(g.used) < p.cfg.Timing.GuestIdle {
		return false
	}
	delete(p.guests, g.url)
	return true
}
