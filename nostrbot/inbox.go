package nostrbot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/dmshop/dmshop/nostrbot/dm"
)

const (
	// lookEvery is how often the bot looks whether its inbox is whole, saveEvery
	// how often that is written to the Store.
	lookEvery = time.Second
	saveEvery = 5 * time.Minute
	// Wraps may reach a relay days after their date. Every sweepEvery a relay
	// is asked for what is sweepBack older than usual.
	sweepEvery = 6 * time.Hour
	sweepBack  = 3 * 24 * time.Hour
	// oldest is how far back it is of use to ask: dm.Inbox adds two days, and
	// what is older than MaxAge is refused.
	oldest = dm.MaxAge - 48*time.Hour
)

// inbox knows until when each relay's events were handled without a gap, so
// that after a longer silence, of the bot or of the relay, the next REQ asks
// for all since then. It is kept in the Store as the bot's conversation with
// itself, which nobody else has.
type inbox struct {
	bot *Bot

	mu    sync.Mutex
	whole map[string]time.Time // by relay
	swept map[string]time.Time
	// since stands in for relays that are not in whole; zero is now.
	since time.Time
	rev   int64
	saved time.Time

	// Of the last look, by run alone: which relays seemed whole.
	looked   map[string]bool
	lookedAt time.Time
}

// inboxState is what the Store keeps, unix seconds.
type inboxState struct {
	Whole map[string]int64 `json:"whole"`
}

func (in *inbox) init(b *Bot) {
	in.bot, in.whole, in.swept = b, map[string]time.Time{}, map[string]time.Time{}
}

// asOf is the time for which a relay is to be asked: see [dm.Inbox].
func (in *inbox) asOf(relay string, _ time.Time) time.Time {
	now := in.bot.now() // what messages are dated by
	in.mu.Lock()
	defer in.mu.Unlock()
	at := now
	if whole, ok := in.whole[relay]; ok {
		at = earlier(at, whole)
	} else if !in.since.IsZero() {
		at = earlier(at, in.since)
	}
	if last, ok := in.swept[relay]; !ok {
		in.swept[relay] = now
	} else if now.Sub(last) >= sweepEvery {
		in.swept[relay] = now
		at = earlier(at, now.Add(-sweepBack))
	}
	if first := now.Add(-oldest); at.Before(first) {
		return first
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// load reads what an earlier run left behind. A bot that was away for so long
// that it is forgotten, or whose Store cannot be read now, asks for all that it
// may still handle; one that never ran has missed nothing.
func (in *inbox) load(ctx context.Context) {
	state, known, err := in.read(ctx)
	if err != nil {
		in.bot.log.Error("inbox: read how far it was handled", "err", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for relay, at := range state.Whole {
		in.whole[relay] = time.Unix(at, 0)
	}
	if err != nil || known && state.Whole == nil {
		in.since = in.bot.now().Add(-oldest)
	}
}

func (in *inbox) read(ctx context.Context) (state inboxState, known bool, err error) {
	conv, err := in.bot.store.Load(ctx, in.bot.me, in.bot.now())
	if err != nil {
		return state, false, fmt.Errorf("load: %w", err)
	}
	in.mu.Lock()
	in.rev = conv.Rev
	in.mu.Unlock()
	if conv.State != nil {
		if err := json.Unmarshal(conv.State, &state); err != nil {
			return inboxState{}, true, fmt.Errorf("decode: %w", err)
		}
	}
	return state, conv.Rev > 0, nil
}

func (in *inbox) run(ctx context.Context) {
	for ctx.Err() == nil {
		in.look()
		if in.due() {
			in.save(ctx)
		}
		in.bot.sleep(ctx, lookEvery)
	}
}

// look notes the relays that are whole: live, all that they kept delivered,
// and all of that handled. It takes two looks in a row, and the time of the
// first, as an event may be between two places where it is seen.
func (in *inbox) look() {
	now, quiet := in.bot.now(), in.bot.intake.quiet() && in.bot.boxes.quiet()
	before, at := in.looked, in.lookedAt
	in.looked, in.lookedAt = map[string]bool{}, now
	if !quiet {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, leg := range in.bot.pool.Health() {
		if leg.Guest || !leg.Live || !leg.CaughtUp || leg.Queued > 0 {
			continue
		}
		in.looked[leg.URL] = true
		if before[leg.URL] && in.whole[leg.URL].Before(at) {
			in.whole[leg.URL] = at
		}
	}
}

// end saves what the last look found, if there is time.
func (in *inbox) end(ctx context.Context) {
	in.mu.Lock()
	known := len(in.whole) > 0
	in.mu.Unlock()
	if known && ctx.Err() == nil {
		in.save(ctx)
	}
}

func (in *inbox) due() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.whole) > 0 && in.bot.now().Sub(in.saved) >= saveEvery
}

// save writes it down. Another bot on the same Store does the same; of each
// relay the later time is true for both, as what one handled is handled.
func (in *inbox) save(ctx context.Context) {
	for range 3 {
		in.mu.Lock()
		now, whole, rev := in.bot.now(), maps.Clone(in.whole), in.rev
		in.saved = now
		in.mu.Unlock()
		state := inboxState{Whole: map[string]int64{}}
		for relay, at := range whole {
			if now.Sub(at) < dm.MaxAge {
				state.Whole[relay] = at.Unix()
			}
		}
		raw, err := json.Marshal(state)
		if err == nil {
			err = in.bot.store.Commit(ctx, Batch{Customer: in.bot.me, Rev: rev, State: raw, Now: now})
			in.bot.writes.note(err)
		}
		switch {
		case err == nil:
			in.mu.Lock()
			in.rev = rev + 1
			in.mu.Unlock()
			return
		case !errors.Is(err, ErrConflict):
			in.bot.log.Error("inbox: write how far it was handled", "err", err)
			return
		}
		other, _, err := in.read(ctx)
		if err != nil {
			in.bot.log.Error("inbox: read how far it was handled", "err", err)
			return
		}
		in.mu.Lock()
		for relay, at := range other.Whole {
			if at := time.Unix(at, 0); in.whole[relay].Before(at) {
				in.whole[relay] = at
			}
		}
		in.mu.Unlock()
	}
}
