//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

const (
	fewKnown  = 100  // customers that the smaller store knows
	active    = 1000 // of the customers that the larger store knows write
	oneByOnes = 200  // messages per round of the latency
	bareRuns  = 300  // exchanges before each round of a bot
)

// plan is what the flags say.
type plan struct {
	withC, budget, profile  string
	redis                   bool
	rounds, messages, known int
}

// pair is a subject's two bots: with few and with many known customers.
type pair struct {
	subject
	few, many *world
	rest      int64 // bytes resident before there was load, with few
	rounds    []round
	after     [2]int64 // bytes resident after the rounds
}

// round is what one round found.
type round struct {
	bare, few, many  time.Duration // CPU time for each
	wall             time.Duration // of the few's
	median, nineNine time.Duration // one at a time
}

func (p plan) measure(ctx context.Context) (_ []figure, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	bare, err := start(ctx, self, "", "bare")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	customers, err := newCustomers(active)
	if err != nil {
		return nil, err
	}

	subjects := []subject{{"go", self, "sqlite", dir + "/go-few.db", dir + "/go-many.db"}}
	if p.withC != "" {
		subjects = append(subjects, subject{"c", p.withC, "sqlite", dir + "/c-few.db", dir + "/c-many.db"})
	}
	if err := p.seed(ctx, subjects[0], customers); err != nil {
		return nil, err
	}
	for _, s := range subjects[1:] {
		if err := copyFile(s.many, subjects[0].many); err != nil {
			return nil, err
		}
	}
	if p.redis {
		url, stop, err := startRedis(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, stop()) }()
		s := subject{"redis", self, "redis", url + "#few", url + "#many"}
		if err := p.seed(ctx, s, customers); err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}

	var pairs []*pair
	for _, s := range subjects {
		begin := time.Now()
		pr, err := p.newPair(ctx, s, customers)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", s.name, err)
		}
		pairs = append(pairs, pr)
		fmt.Fprintf(os.Stderr, "%s: messages ready, bots warm: %v\n", s.name, since(begin))
	}
	for n := range p.rounds {
		begin := time.Now()
		for _, pr := range pairs {
			if err := pr.round(ctx, bare, p.messages); err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", pr.name, n+1, err)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d: %v\n", n+1, p.rounds, since(begin))
	}
	var figures []figure
	for _, pr := range pairs {
		err := pr.finish(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pr.name, err)
		}
		figures = append(figures, pr.figures(p.known)...)
	}
	return figures, nil
}

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Millisecond) }

func (p plan) newPair(ctx context.Context, s subject, known []*customer) (*pair, error) {
	pr := &pair{subject: s}
	few, err := newCustomers(fewKnown)
	if err != nil {
		return nil, err
	}
	if pr.few, err = newWorld(ctx, s, s.few, few, p.profiling(s, "few")...); err != nil {
		return nil, err
	}
	many := make([]*customer, len(known)) // the same ones, who wrote nothing to this bot yet
	for i, c := range known {
		many[i] = &customer{key: c.key, pub: c.pub}
	}
	if pr.many, err = newWorld(ctx, s, s.many, many, p.profiling(s, "many")...); err != nil {
		return nil, err
	}
	if err := pr.takeRest(ctx); err != nil {
		return nil, err
	}
	for _, w := range []*world{pr.few, pr.many} {
		warm := len(w.customers)
		n := warm + p.rounds*p.messages
		if w == pr.few {
			warm *= 3
			n += 2*len(w.customers) + p.rounds*oneByOnes
		}
		if err := w.prepare(ctx, n); err != nil {
			return nil, err
		}
		if _, _, err := w.burst(ctx, warm); err != nil {
			return nil, fmt.Errorf("warm up: %w", err)
		}
	}
	return pr, nil
}

// takeRest looks at the memory of a bot that has answered a few, one by one.
func (pr *pair) takeRest(ctx context.Context) error {
	if err := pr.few.prepare(ctx, fewKnown); err != nil {
		return err
	}
	if _, err := pr.few.oneByOne(ctx, fewKnown); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	u, err := pr.few.bot.usage("")
	pr.rest = u.RSS
	return err
}

func (p plan) profiling(s subject, which string) []string {
	if p.profile == "" {
		return nil
	}
	return []string{"-cpuprofile", filepath.Join(p.profile, s.name+"-"+which+".pprof")}
}

func (pr *pair) round(ctx context.Context, bare *process, n int) error {
	var r round
	var err error
	for _, w := range []*world{pr.few, pr.many} {
		b, err := bareCPU(bare, bareRuns)
		if err != nil {
			return fmt.Errorf("bare: %w", err)
		}
		r.bare += b / 2
		cpu, wall, err := w.burst(ctx, n)
		if err != nil {
			return err
		}
		if w == pr.few {
			r.few, r.wall = cpu, wall
		} else {
			r.many = cpu
		}
	}
	took, err := pr.few.oneByOne(ctx, oneByOnes)
	if err != nil {
		return err
	}
	r.median, r.nineNine = took[len(took)/2], took[len(took)*99/100]
	pr.rounds = append(pr.rounds, r)
	return nil
}

func bareCPU(bare *process, n int) (time.Duration, error) {
	before, err := bare.usage("0")
	if err != nil {
		return 0, err
	}
	after, err := bare.usage(strconv.Itoa(n))
	return (after.CPU - before.CPU) / time.Duration(n), err
}

// finish looks at the memory, checks the replies and stops the bots.
func (pr *pair) finish(ctx context.Context) error {
	for i, w := range []*world{pr.few, pr.many} {
		u, err := w.bot.usage("")
		if err != nil {
			return err
		}
		pr.after[i] = u.RSS
		before := 0
		if w == pr.many {
			before = seedAnswers
		}
		if err := w.check(ctx, before); err != nil {
			return err
		}
		if err := w.close(); err != nil {
			return err
		}
	}
	return nil
}

// median of a figure over the rounds.
func median[T float64 | time.Duration](rounds []round, f func(round) T) T {
	all := make([]T, len(rounds))
	for i, r := range rounds {
		all[i] = f(r)
	}
	slices.Sort(all)
	return all[len(all)/2]
}
