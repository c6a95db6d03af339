//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one line of the report. A name that the budget file has is held
// against it.
type figure struct {
	name  string
	value float64
	unit  string
}

func (pr *pair) figures(known int) []figure {
	us := func(name string, f func(round) time.Duration) figure {
		return figure{name, float64(median(pr.rounds, f).Microseconds()), "us"}
	}
	ms := func(name string, f func(round) time.Duration) figure {
		return figure{name, median(pr.rounds, f).Seconds() * 1000, "ms"}
	}
	ratio := func(name string, f func(round) float64) figure {
		return figure{name, median(pr.rounds, f), "x"}
	}
	const mb = 1 << 20
	all := []figure{
		us("bare", func(r round) time.Duration { return r.bare }),
		us("cpu", func(r round) time.Duration { return r.few }),
		us("cpu-many", func(r round) time.Duration { return r.many }),
		ratio("cpu/bare", func(r round) float64 { return float64(r.few) / float64(r.bare) }),
		{"cpu/bare-best", least(pr.rounds, func(r round) time.Duration { return r.few }) / least(pr.rounds, func(r round) time.Duration { return r.bare }), "x"},
		ratio("cpu-many/bare", func(r round) float64 { return float64(r.many) / float64(r.bare) }),
		ratio("cpu-many/cpu", func(r round) float64 { return float64(r.many) / float64(r.few) }),
		{"replies-per-cpu-second", 1 / median(pr.rounds, func(r round) time.Duration { return r.few }).Seconds(), "/s"},
		{"replies-per-second", 1 / median(pr.rounds, func(r round) time.Duration { return r.wall }).Seconds(), "/s"},
		ms("p50", func(r round) time.Duration { return r.median }),
		ms("p99", func(r round) time.Duration { return r.nineNine }),
		{"rest", float64(pr.rest) / mb, "MB"},
		{"busy", float64(pr.after[0]) / mb, "MB"},
		{"busy-many", float64(pr.after[1]) / mb, "MB"},
		{"per-customer", max(0, float64(pr.after[1]-pr.after[0])) / float64(known-fewKnown), "B"},
	}
	for i := range all {
		all[i].name = pr.name + "/" + all[i].name
	}
	return all
}

// least is a time's least in all rounds: the least disturbed by whatever else
// ran on the machine.
func least(rounds []round, f func(round) time.Duration) float64 {
	t := f(rounds[0])
	for _, r := range rounds {
		t = min(t, f(r))
	}
	return float64(t)
}

// readBudget reads lines of a figure's name and its limit; # begins a comment.
func readBudget(path string) (map[string]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	budget := map[string]float64{}
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		text, _, _ := strings.Cut(in.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("%s, line %d: want a name and a limit", path, n)
		}
		limit, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		budget[fields[0]] = limit
	}
	return budget, in.Err()
}

// report prints the table and tells whether all that has a limit kept to it.
func report(w io.Writer, figures []figure, budget map[string]float64) bool {
	good := true
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) {
		if _, err := fmt.Fprintf(table, format, args...); err != nil {
			good = false
		}
	}
	line("figure\tmeasured\tbudget\t\n")
	for _, f := range figures {
		limit, limited := budget[f.name]
		allowed, verdict := "", ""
		if limited {
			allowed, verdict = fmt.Sprintf("%.2f %s", limit, f.unit), "kept"
			if !(f.value <= limit) {
				verdict, good = "OVER", false
			}
		}
		line("%s\t%.2f %s\t%s\t%s\n", f.name, f.value, f.unit, allowed, verdict)
	}
	return table.Flush() == nil && good
}
