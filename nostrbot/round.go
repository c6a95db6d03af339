package nostrbot

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

const (
	// doubtRounds is how often a parcel is published where its customer wrote
	// from, and accepted there, before that counts although nobody could say
	// where they read.
	doubtRounds = 3
	// stragglers bounds the rounds whose slower relays are still waited for
	// after the first one accepted.
	stragglers = 512
)

// offers are events on their way to one relay each.
type offers struct {
	sync.WaitGroup
	trailing chan struct{}
	own      miner
	guests   miner // whatever strangers' relays ask for, ours do not wait
}

// miner works on one event at a time.
type miner struct {
	bench chan struct{}
	time  time.Duration
	queue chan struct{} // bounds those that wait; nil does not
}

func (of *offers) init() {
	of.trailing = make(chan struct{}, stragglers)
	of.own = miner{make(chan struct{}, 1), workTime, nil}
	of.guests = miner{make(chan struct{}, 1), strangerTime, make(chan struct{}, strangerQueue)}
}

// publish makes one round and moves p accordingly; false means that nothing is
// to be recorded. Delivered is what a relay accepted that the customer reads:
//
//   - one of their list, if there is a list;
//   - if there is none, one where their message came from, and after a few
//     rounds any of the bot's own;
//   - if it could not be read, the same, but only from the fourth round on in
//     which a relay accepted it.
//
// Where a list was found and its relays do not take the parcel, it is left
// where the customer wrote from too, as a courtesy; that does not count.
func (o *outbox) publish(ctx context.Context, s *sender, p *Parcel) (changed bool) {
	a := s.attempts[p.ID]
	to := o.bot.directory.get(ctx, p.To, patience).route(p.Via, p.Relays)
	listed := to.relays
	if len(listed) == 0 {
		listed = o.bot.directory.own
	}
	counts := func(v relay.Verdict) bool {
		switch {
		case !v.Delivered():
			return false
		case to.finding == found:
			return slices.Contains(listed, v.Relay)
		}
		return to.finding == absent || a.doubts >= doubtRounds
	}
	// Who reads where no relay answers does not wait for its time-out each time.
	enough := func(v relay.Verdict) bool { return counts(v) || s.poor && v.Delivered() }
	tried, wide := listed, s.poor || p.Attempts >= widenAfter
	if wide {
		a.widened = true
		tried = union(listed, o.beyond(p, to))
	}
	targets := a.open(tried)
	verdicts := o.offerAll(ctx, *p, a, targets, enough)
	if !wide && a.refusedBy(listed) {
		tried = union(nil, o.beyond(p, to))
		targets = a.open(tried)
		verdicts = append(verdicts, o.offerAll(ctx, *p, a, targets, enough)...)
	}
	if to.finding != found { // all of them would count
		listed = union(listed, tried)
	}
	changed = o.judge(ctx, s, p, listed, verdicts, counts)
	s.poor = p.State != ParcelSent && (s.poor || p.Attempts >= widenAfter)
	return changed
}

// union is a and what of b is not in it.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// beyond are relays where the customer may not read: for one with a list,
// where they wrote from; for others, the bot's own.
func (o *outbox) beyond(p *Parcel, to route) []string {
	if to.finding == found {
		return p.Relays
	}
	return o.bot.directory.own
}

// judge moves p by what the relays said.
//
// listed are the relays whose refusals are the end of it.
func (o *outbox) judge(ctx context.Context, s *sender, p *Parcel, listed []string, verdicts []relay.Verdict, counts func(relay.Verdict) bool) (changed bool) {
	a, now := s.attempts[p.ID], o.bot.now()
	accepted := false
	for _, v := range verdicts {
		if v.Delivered() {
			accepted = true
			p.Receipts = addReceipts(p.Receipts, Receipt{Relay: v.Relay, At: now})
		}
	}
	if slices.ContainsFunc(verdicts, counts) {
		p.State = ParcelSent
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	if accepted {
		a.doubts++
	}
	pause := min(resendMin<<min(p.Attempts, 20), resendMax)
	pause = pause/2 + rand.N(pause/2)
	if hold, held := holdOff(verdicts); held || len(verdicts) == 0 && !a.refusedBy(listed) {
		// Nothing was asked of a relay: not a round. Whoever works on the
		// event says when it is ready.
		p.DueAt = now.Add(max(hold, resendMin))
		return false
	} else if hold > pause {
		pause = min(hold, resendMax)
	}
	p.Attempts++
	if a.refusedBy(listed) || now.Sub(p.CreatedAt) > parcelLifetime {
		p.State = ParcelGivenUp
		o.gaveUp(p, verdicts)
		return true
	}
	p.DueAt = now.Add(pause)
	level := slog.LevelInfo
	if p.Attempts == overtakeAfter {
		level = slog.LevelWarn
	}
	o.bot.log.Log(ctx, level, "reply not accepted yet", "customer", p.To, "message", p.ID, "via", p.Via,
		"attempts", p.Attempts, "passable", s.passable(p), "verdicts", slogVerdicts(verdicts))
	return true
}

// gaveUp is where whoever wants to know of lost replies is told.
func (o *outbox) gaveUp(p *Parcel, verdicts []relay.Verdict) {
	o.bot.log.Warn("reply given up", "customer", p.To, "message", p.ID, "via", p.Via,
		"attempts", p.Attempts, "verdicts", slogVerdicts(verdicts))
}

// holdOff is how long the relays that limit us want to be left alone; held
// tells that there was no other.
func holdOff(verdicts []relay.Verdict) (wait time.Duration, held bool) {
	held = len(verdicts) > 0
	for _, v := range verdicts {
		if !errors.Is(v.Err, relay.ErrHeld) {
			held = false
		}
		if v.RetryAt.IsZero() {
			continue
		}
		if until := time.Until(v.RetryAt); wait == 0 || until < wait {
			wait = until
		}
	}
	return wait, held
}

// offerAll publishes to all the relays at once and returns what they said, or
// as much of it as there is when one said enough: a slow relay does not hold up
// the next reply. It is not forgotten either; see stragglers.
func (o *outbox) offerAll(ctx context.Context, p Parcel, a *attempt, targets []string, enough func(relay.Verdict) bool) (verdicts []relay.Verdict) {
	slots := o.slots
	if slices.ContainsFunc(targets, func(u string) bool { return !slices.Contains(o.bot.directory.own, u) }) {
		slots = o.hosted
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return nil
	}
	if len(targets) == 1 { // the usual case needs no goroutine
		return []relay.Verdict{o.offer(ctx, &p, a, targets[0])}
	}
	ctx, cancel := context.WithCancel(ctx)
	answers := make(chan relay.Verdict, len(targets))
	for _, u := range targets {
		o.offers.Go(func() { answers <- o.offer(ctx, &p, a, u) })
	}
	for range targets {
		v := <-answers // each ends with ctx
		verdicts = append(verdicts, v)
		if rest := len(targets) - len(verdicts); rest > 0 && enough(v) {
			o.trail(cancel, p.ID, answers, rest)
			return verdicts
		}
	}
	cancel()
	return verdicts
}

// trail waits for the rest of the answers on the side.
func (o *outbox) trail(cancel func(), id string, answers <-chan relay.Verdict, rest int) {
	select {
	case o.offers.trailing <- struct{}{}:
	default:
		cancel()
		return
	}
	o.offers.Go(func() {
		defer func() { cancel(); <-o.offers.trailing }()
		for range rest {
			if v := <-answers; v.Delivered() {
				o.late.add(id, Receipt{Relay: v.Relay, At: o.bot.now()})
			}
		}
	})
}

// offer publishes to one relay. One that refuses the date of a wrap gets
// another around the same message at once; one that wants work gets it as soon
// as it is done.
func (o *outbox) offer(ctx context.Context, p *Parcel, a *attempt, url string) relay.Verdict {
	v := o.bot.pool.Publish(ctx, a.event(url, p.Event), url)[0]
	if p.Rumor != nil && v.DateRefused() {
		if bits, ok := a.redate(url); ok {
			event, err := o.bot.wrapAnew(ctx, p, dm.Recent(), dm.Work(bits))
			if err != nil {
				v.Status, v.Err = relay.NoAnswer, err
				return v
			}
			a.rewrapped(url, event, nil)
			v = o.bot.pool.Publish(ctx, event, url)[0]
		}
	}
	switch {
	case v.DateAhead(): // one of our clocks is wrong, and may be put right
	case v.Final(), v.Status == relay.Pow && p.Rumor == nil:
		// A kind 4 with work would be another message, and of a secret there
		// is nothing to wrap.
		a.refuse(url)
	case v.Status == relay.Pow:
		o.work(p, a, url, v)
	}
	return v
}

// work mines a new wrap on the side and then has the parcel tried again.
func (o *outbox) work(p *Parcel, a *attempt, url string, v relay.Verdict) {
	most, miner := o.bot.cfg.MaxWork, &o.offers.own
	if !slices.Contains(o.bot.directory.own, url) {
		most, miner = min(most, strangerWork), &o.offers.guests
	}
	bits, recent, ok := a.raise(url, v, most)
	if !ok {
		return
	}
	if !miner.enter() {
		a.notNow(url)
		return
	}
	o.mu.Lock()
	ctx := o.ctx // not the round's, which ends before
	if s := o.senders[p.To]; s != nil {
		s.stay = true // to use what is being made
	}
	o.mu.Unlock()
	o.offers.Go(func() {
		defer miner.leave()
		select {
		case miner.bench <- struct{}{}:
		case <-ctx.Done():
			return
		}
		defer func() { <-miner.bench }()
		ctx, cancel := context.WithTimeout(ctx, miner.time)
		defer cancel()
		opts := []dm.Option{dm.Work(bits)}
		if recent {
			opts = append(opts, dm.Recent())
		}
		event, err := o.bot.wrapAnew(ctx, p, opts...)
		if err != nil {
			o.bot.log.Warn("proof of work not done", "relay", url, "bits", bits, "err", err)
		}
		a.rewrapped(url, event, err)
		o.hasten(p.To)
	})
}

func (m *miner) enter() bool {
	if m.queue == nil {
		return true
	}
	select {
	case m.queue <- struct{}{}:
		return true
	default:
		return false
	}
}

func (m *miner) leave() {
	if m.queue != nil {
		<-m.queue
	}
}

// copyToSelf wraps what was sent for the bot's own inbox, where other clients
// with its key show it.
func (o *outbox) copyToSelf(ctx context.Context, p Parcel) {
	if !o.bot.cfg.SenderCopy || p.Rumor == nil {
		return
	}
	select {
	case o.offers.trailing <- struct{}{}:
	default:
		return
	}
	o.offers.Go(func() {
		defer func() { <-o.offers.trailing }()
		p.To = o.bot.me
		event, err := o.bot.wrapAnew(ctx, &p)
		if err != nil {
			o.bot.log.Warn("copy to ourselves not made", "message", p.ID, "err", err)
			return
		}
		o.bot.pool.Publish(ctx, event)
	})
}

func slogVerdicts(verdicts []relay.Verdict) slog.Value {
	var attrs []slog.Attr
	for _, v := range verdicts {
		attrs = append(attrs, slog.String(v.Relay, v.String()))
	}
	return slog.GroupValue(attrs...)
}
