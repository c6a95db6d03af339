package nostrbot

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const (
	// MaxRuns is how many runs one customer may have at once.
	MaxRuns = 8
	// maxCrumbs is how many steps the way back is long at most.
	maxCrumbs = 8
)

// walk is a run as the customer's record keeps it; the Store's [Run] is the
// sign on the road that leads to it.
type walk struct {
	Flow    string          `json:"flow"`
	Key     string          `json:"key"`
	Version int             `json:"version,omitempty"`
	Step    string          `json:"step"`
	State   json.RawMessage `json:"state,omitempty"`
	// Back is the way back, newest last.
	Back []crumb `json:"back,omitempty"`
	// Deadline is when the step times out, whole milliseconds; zero is never.
	Deadline time.Time `json:"deadline,omitzero"`
	// Touched is when something last happened to it.
	Touched time.Time `json:"touched"`
	// Signalled says that a signal was committed: the Store must know the
	// key for as long as the signal may be repeated.
	Signalled bool `json:"signalled,omitempty"`
}

// crumb is a step that was left, with the state as it was before the answer.
type crumb struct {
	Step  string          `json:"step"`
	State json.RawMessage `json:"state,omitempty"`
}

// walks are a customer's runs during one turn: all of flows, steps and versions
// that the bot has (see upgrade). The one that asked last is last.
type walks struct {
	now    time.Time
	all    []*walk
	moving *walk // its step's function is running
	put    map[string]Run
	ended  []string
}

// newWalks leaves out what nothing happened to for SessionTTL: the Store has
// forgotten its key at the same moment.
func newWalks(stored []*walk, now time.Time) *walks {
	ws := &walks{now: now, put: map[string]Run{}}
	for _, w := range stored {
		if now.Sub(w.Touched) < SessionTTL {
			ws.all = append(ws.all, w)
		}
	}
	return ws
}

func (ws *walks) find(key string) *walk {
	for _, w := range ws.all {
		if w.Key == key {
			return w
		}
	}
	return nil
}

// touch marks a run as changed in this turn.
func (ws *walks) touch(customer PubKey, w *walk) {
	w.Touched = ws.now
	ws.put[w.Key] = Run{Key: w.Key, Customer: customer, WakeAt: w.Deadline}
}

// asked makes a run the one that asked last.
func (ws *walks) asked(w *walk) {
	ws.all = slices.DeleteFunc(ws.all, func(o *walk) bool { return o == w })
	ws.all = append(ws.all, w)
}

// end removes a run. Its key stays known if a signal may be repeated.
func (ws *walks) end(customer PubKey, w *walk) {
	ws.all = slices.DeleteFunc(ws.all, func(o *walk) bool { return o == w })
	delete(ws.put, w.Key)
	if w.Signalled {
		ws.put[w.Key] = Run{Key: w.Key, Customer: customer}
	} else {
		ws.ended = append(ws.ended, w.Key)
	}
}

// runs are what the commit puts.
func (ws *walks) runs() []Run {
	var runs []Run
	for _, key := range slices.Sorted(maps.Keys(ws.put)) {
		runs = append(runs, ws.put[key])
	}
	return runs
}

// wake is the earliest deadline that the commit puts; zero when there is none.
func (ws *walks) wake() time.Time {
	var first time.Time
	for _, r := range ws.put {
		if !r.WakeAt.IsZero() && (first.IsZero() || r.WakeAt.Before(first)) {
			first = r.WakeAt
		}
	}
	return first
}
