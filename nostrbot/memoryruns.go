package nostrbot

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"time"
)

// keptRun is a run with the time of the commit that put it.
type keptRun struct {
	Run
	put time.Time
	at  int // where it is in the agenda; -1 when it does not want to be woken
}

// putRun inserts a run, or replaces the one of its key.
func (m *Memory) putRun(r Run, now time.Time) {
	m.endRun(r.Key)
	kept := &keptRun{Run: r, put: now, at: -1}
	if !r.WakeAt.IsZero() {
		kept.WakeAt = wholeMicros(r.WakeAt)
		heap.Push(&m.agenda, kept)
	}
	m.runs[r.Key] = kept
	m.walks = append(m.walks, aging{r.Customer, r.Key, now})
}

// endRun removes a run, if it is there.
func (m *Memory) endRun(key string) {
	kept := m.runs[key]
	if kept == nil {
		return
	}
	if kept.at >= 0 {
		heap.Remove(&m.agenda, kept.at)
	}
	delete(m.runs, key)
}

// Run implements [Runs].
func (m *Memory) Run(ctx context.Context, now time.Time, key string) (Run, bool, error) {
	if err := ctx.Err(); err != nil {
		return Run{}, false, fmt.Errorf("look up run: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runs[key]
	if r == nil || r.tooOld(wholeMicros(now)) {
		return Run{}, false, nil
	}
	return r.Run, true, nil
}

func (r *keptRun) tooOld(now time.Time) bool { return now.Sub(r.put) >= SessionTTL }

// Due implements [Runs]. What it costs depends on how many runs it returns, and
// hardly on how many there are.
func (m *Memory) Due(ctx context.Context, now time.Time, limit int) ([]Run, error) {
	if err := checkPage(ctx, limit); err != nil {
		return nil, fmt.Errorf("due runs: %w", err)
	}
	now = wholeMicros(now)
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []Run
	var taken []*keptRun
	for len(due) < limit && len(m.agenda) > 0 && !m.agenda[0].WakeAt.After(now) {
		r := heap.Pop(&m.agenda).(*keptRun)
		taken = append(taken, r)
		if !r.tooOld(now) {
			due = append(due, r.Run)
		}
	}
	for _, r := range taken {
		heap.Push(&m.agenda, r)
	}
	return due, nil
}

// agenda is a heap of the runs that want to be woken, the earliest first.
type agenda []*keptRun

func (a agenda) Len() int { return len(a) }

func (a agenda) Less(i, j int) bool {
	return cmp.Or(a[i].WakeAt.Compare(a[j].WakeAt), cmp.Compare(a[i].Key, a[j].Key)) < 0
}

func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].at, a[j].at = i, j
}

// Push and Pop implement heap.Interface.
func (a *agenda) Push(x any) {
	r := x.(*keptRun)
	r.at = len(*a)
	*a = append(*a, r)
}

func (a *agenda) Pop() any {
	last := len(*a) - 1
	r := (*a)[last]
	r.at = -1
	(*a)[last] = nil
	*a = (*a)[:last]
	return r
}
