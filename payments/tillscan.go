package payments

import (
	"context"
	"strings"
	"time"
)

// scan finds the charges that are live: at the start all of them, to be looked
// up at once; then those that another process made meanwhile.
func (t *Till) scan(ctx context.Context) {
	closed := map[string]bool{}
	from, failures := "", 0
	for {
		found, err := t.scanOnce(ctx, from, closed)
		wait := rescan
		if err != nil {
			failures++
			wait = min(backoff(failures), rescan)
			if ctx.Err() == nil {
				t.options.Logger.WarnContext(ctx, "charges cannot be listed", "err", err)
			}
		} else {
			// From now on only what is new is of interest.
			failures, closed = 0, found
			from = day(t.now().Add(-24 * time.Hour))
		}
		if t.sleep(ctx, wait) != nil {
			return
		}
	}
}

// scanOnce reads the index from the day on; empty means from the first day
// with live charges. It returns the entries of closed ones; those in known are
// not read again.
func (t *Till) scanOnce(ctx context.Context, from string, known map[string]bool) (closed map[string]bool, err error) {
	first := from == ""
	if first {
		raw, _, err := t.kv.Get(ctx, t.floorName())
		if err != nil {
			return nil, err
		}
		from = string(raw)
	}
	today := t.now()
	floor := day(today.Add(-48 * time.Hour)) // clocks differ
	names, err := t.listDays(ctx, from, today)
	if err != nil {
		return nil, err
	}
	closed = map[string]bool{}
	for _, name := range names {
		indexed, key, _ := strings.Cut(name, "/")
		if known[name] {
			closed[name] = true
			continue
		}
		if t.tracks(key) {
			floor = min(floor, indexed)
			continue
		}
		r, _, err := t.load(ctx, key)
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		switch {
		case err == nil && (r == nil || r.Invoice == nil || r.Day != indexed):
			// Shown to nobody yet, and indexed anew when it is; or indexed
			// elsewhere.
		case err == nil && r.Closed && len(r.Changes) == 0:
			closed[name] = true
		default: // one that cannot be read is tried again and again, and holds up no other
			floor = min(floor, indexed)
			t.soon(key, today)
		}
	}
	if first {
		return closed, t.raiseFloor(ctx, floor)
	}
	return closed, nil
}

// listDays returns "DAY/KEY" for each index entry.
func (t *Till) listDays(ctx context.Context, from string, today time.Time) ([]string, error) {
	prefix := t.options.Prefix + "day/"
	begin, err := time.Parse(dayLayout, from)
	if err != nil { // no floor yet
		names, err := t.kv.List(ctx, prefix)
		return trimAll(names, prefix), err
	}
	var all []string
	for d := begin; !d.After(today.Add(24 * time.Hour)); d = d.Add(24 * time.Hour) {
		names, err := t.kv.List(ctx, t.dayPrefix(day(d)))
		if err != nil {
			return nil, err
		}
		all = append(all, trimAll(names, prefix)...)
	}
	return all, nil
}

func trimAll(names []string, prefix string) []string {
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], prefix)
	}
	return names
}

func (t *Till) tracks(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tasks[key] != nil
}

// raiseFloor notes from where the next start must read. Floors of two tills are
// both true: whichever is kept.
func (t *Till) raiseFloor(ctx context.Context, floor string) error {
	old, rev, err := t.kv.Get(ctx, t.floorName())
	if err != nil || floor <= string(old) {
		return err
	}
	_, err = t.kv.Put(ctx, t.floorName(), []byte(floor), rev)
	return err
}
