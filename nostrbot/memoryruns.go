package nostrbot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Run implements [Runs].
func (m *Memory) Run(ctx context.Context, now time.Time, key string) (Run, bool, error) {
	if err := ctx.Err(); err != nil {
		return Run{}, false, fmt.Errorf("look up run: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.runs[key]
	if !ok || wholeMicros(now).Sub(r.put) >= SessionTTL {
		return Run{}, false, nil
	}
	return r.Run, true, nil
}

// Due implements [Runs].
func (m *Memory) Due(ctx context.Context, now time.Time, limit int) ([]Run, error) {
	if err := checkPage(ctx, limit); err != nil {
		return nil, fmt.Errorf("due runs: %w", err)
	}
	now = wholeMicros(now)
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []Run
	for _, r := range m.runs {
		if !r.WakeAt.IsZero() && !r.WakeAt.After(now) && now.Sub(r.put) < SessionTTL {
			due = append(due, r.Run)
		}
	}
	slices.SortFunc(due, func(a, b Run) int {
		return cmp.Or(a.WakeAt.Compare(b.WakeAt), cmp.Compare(a.Key, b.Key))
	})
	return due[:min(limit, len(due))], nil
}
