package nostrbot_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/nostrbot"
)

// Random walks of one customer, with signals, timeouts, restarts and upgrades
// in between, say what the model says, and leave in the Store what it has.
func TestFlow_RandomWalksGoAsTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newRandomWalk()
		defer w.close()
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"text":    w.text,
			"signal":  w.signal,
			"time":    w.time,
			"restart": w.restart,
			"upgrade": w.upgrade,
		})
	})
}

type randomWalk struct {
	*rehearsal
	model *model
	maze  *maze
	keys  []string
	said  []string // by the bot, not compared yet
}

func newRandomWalk() *randomWalk {
	w := &randomWalk{model: &model{now: rehearsalStart, version: 1, heard: map[string]bool{}}}
	w.maze = newMaze(1, &w.keys)
	w.rehearsal = rehearse(w.maze.wire)
	return w
}

func (w *randomWalk) check(t *rapid.T) {
	require.Empty(t, w.failed)
	require.Equal(t, w.model.said, w.said)
	w.said, w.model.said = nil, nil

	due, err := w.store.Due(t.Context(), w.model.now.Add(time.Hour), 100)
	require.NoError(t, err)
	var got, want []string
	for _, r := range due {
		got = append(got, fmt.Sprint(r.Key, r.WakeAt))
	}
	for _, r := range w.model.due() {
		want = append(want, fmt.Sprint(r.key, r.deadline))
	}
	require.Equal(t, want, got)
	for _, key := range w.keys {
		_, known, err := w.store.Run(t.Context(), w.model.now, key)
		require.NoError(t, err)
		alive := slices.ContainsFunc(w.model.runs, func(r *modelRun) bool { return r.key == key })
		require.Equal(t, alive || w.model.heard[key], known, key)
	}
}

func (w *randomWalk) text(t *rapid.T) {
	text := rapid.SampledFrom([]string{"/start", "/start", "start", "1", "2", "3", "x", "back", "cancel"}).Draw(t, "text")
	w.said = append(w.said, w.hear(text)...)
	w.model.text(text, func() string { return w.keys[len(w.keys)-1] })
}

func (w *randomWalk) signal(t *rapid.T) {
	key := rapid.SampledFrom(append([]string{"nobodys"}, w.keys...)).Draw(t, "key")
	event := rapid.SampledFrom([]string{"s", "t"}).Draw(t, "event")
	err := w.maze.flow.Signal(t.Context(), key, event)
	want := w.model.signal(key, event)
	require.True(t, errors.Is(err, want) && (err == nil) == (want == nil), "%v, want %v", err, want)
	w.said = append(w.said, w.replies()...)
}

// time passes, and the alarm may be away.
func (w *randomWalk) time(t *rapid.T) {
	d := time.Duration(rapid.SampledFrom([]int{1, 30, 59, 60, 61, 120, 121}).Draw(t, "seconds")) * time.Second
	w.model.now = w.model.now.Add(d)
	if rapid.Bool().Draw(t, "alarm") {
		w.said = append(w.said, w.wait(d)...)
		w.model.ring()
	} else {
		w.clock.advance(d)
	}
}

func (w *randomWalk) restart(*rapid.T) {
	w.maze = newMaze(w.model.version, &w.keys)
	w.rehearsal.restart(w.maze.wire)
}

func (w *randomWalk) upgrade(t *rapid.T) {
	w.model.version++
	w.restart(t)
}

var _ nostrbot.Clock = (*handClock)(nil)
