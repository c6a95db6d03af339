package nostrbot

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBacklog(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_700_000_000, 0)
	var got []string
	b := &backlog{
		legs:   map[string]*held{},
		put:    func(a addressed) { got = append(got, a.text) },
		undone: func(all []addressed) []addressed { return all },
	}
	at := func(relay, text string, second int) addressed {
		return addressed{letter: letter{relay: relay, text: text, sentAt: start.Add(time.Duration(second) * time.Second)}}
	}
	take := func() []string { defer func() { got = nil }(); return got }

	// Stored letters wait for the end and then come in the order of writing;
	// a live one does not overtake them.
	b.add(at("a", "third", 3), true, start)
	b.add(at("a", "first", 1), true, start)
	b.add(at("a", "live", 9), false, start)
	b.add(at("a", "second", 2), true, start)
	b.add(at("b", "other relay", 9), false, start)
	require.Equal(t, []string{"other relay"}, take())
	require.Equal(t, holdTime, b.expire(start))
	b.complete("a")
	require.Equal(t, []string{"first", "second", "third", "live"}, take())
	require.Zero(t, b.expire(start))
	b.add(at("a", "live again", 10), false, start)
	require.Equal(t, []string{"live again"}, take())

	// A relay that never says that this was all.
	b.add(at("a", "y", 2), true, start)
	b.add(at("a", "x", 1), true, start)
	require.Equal(t, time.Second, b.expire(start.Add(holdTime-time.Second)))
	require.Empty(t, take())
	require.Zero(t, b.expire(start.Add(holdTime)))
	require.Equal(t, []string{"x", "y"}, take())
	b.add(at("a", "z", 0), true, start)
	require.Equal(t, []string{"z"}, take(), "not held again")
	b.complete("a")
	require.Empty(t, take())

	// Room is bounded.
	for i := range holdLetters {
		b.add(at("a", "n", holdLetters-i), true, start)
	}
	require.Len(t, take(), holdLetters)
	b.complete("a")
	b.add(at("a", strings.Repeat("x", holdBytes), 1), true, start)
	require.Len(t, take(), 1)
	require.Empty(t, b.legs["a"].letters)
}

// After a restart a relay's two days are mostly what was handled before. That
// takes up no room, and no time: the few that are new are put in order.
func TestBacklog_WhatWasHandledTakesNoRoom(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_700_000_000, 0)
	var got []string
	b := &backlog{
		legs: map[string]*held{},
		put:  func(a addressed) { got = append(got, a.text) },
		undone: func(all []addressed) []addressed {
			return slices.DeleteFunc(all, func(a addressed) bool { return a.text == "old" })
		},
	}
	now := start
	add := func(text string, second int) {
		now = now.Add(5 * time.Millisecond)
		b.add(addressed{letter: letter{relay: "a", text: text, sentAt: start.Add(time.Duration(second) * time.Second)}}, true, now)
		b.expire(now)
	}
	for i := range 5 * holdLetters {
		if i%holdLetters == 7 {
			add("new", -i)
		}
		add("old", -i)
	}
	add("first", -100_000)
	require.Empty(t, got)
	b.complete("a")
	require.Equal(t, []string{"first", "new", "new", "new", "new", "new"}, got)

	// But not for ever.
	for range 2 * int(holdMost/(5*time.Millisecond)) {
		add("old", 0)
	}
	require.True(t, b.legs["a"].open)
	now = now.Add(holdTime)
	add("another REQ", 0)
	require.False(t, b.legs["a"].open)
}
