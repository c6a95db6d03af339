package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// runs gives h one message after another, step seconds apart from start, and
// counts how many were answered before the silence; -1 when there was none.
func runs(t *testing.T, h nostrbot.Handler, name string, start, step float64, most int) int {
	t.Helper()
	for i := range most {
		if result(t, h, at(1, fmt.Sprint(name, i), start+step*float64(i))) == "silent" {
			return i
		}
	}
	return -1
}

func TestLoopBreaker_TheSameAnswerAgainAndAgain(t *testing.T) {
	t.Parallel()
	h := nostrbot.LoopBreaker(5, time.Minute)(nostrbot.Say("I did not understand"))
	require.Equal(t, 5, runs(t, h, "a", 0, 5, 20))                 // silent until 25+60 s
	require.Equal(t, 0, runs(t, h, "b", 84, 5, 1))                 // still
	require.Equal(t, 5, runs(t, h, "c", 85, 5, 20), "window over") // silent until 110+120 s
	require.Equal(t, 0, runs(t, h, "d", 229, 5, 1), "twice as long")
	require.Equal(t, -1, runs(t, h, "e", 230, 20, 20), "a person who asks every 20 s is none")
}

func TestLoopBreaker_MessagesRightAfterEachAnswer(t *testing.T) {
	t.Parallel()
	n := 0
	h := nostrbot.LoopBreaker(5, time.Minute)(func(_ context.Context, m *nostrbot.Message) error {
		n++
		m.Replyf("answer %d", n)
		return nil
	})
	require.Equal(t, 5, runs(t, h, "a", 0, 1, 20))
	require.Equal(t, -1, runs(t, h, "b", 1000, 3, 20), "not so quick")
	for i := range 20 { // a backlog: all of it was written before the first answer
		m := at(1, fmt.Sprint("c", i), 2000)
		m.SentAt = m.ReceivedAt.Add(-time.Hour)
		require.Equal(t, "pass", result(t, h, m))
	}
}

func TestLoopBreaker_CountsAMessageOnceHoweverOftenItRuns(t *testing.T) {
	t.Parallel()
	var err error
	h := nostrbot.LoopBreaker(3, time.Minute)(func(_ context.Context, m *nostrbot.Message) error {
		m.Reply("same")
		return err
	})
	for range 10 { // handled, but the commit was refused
		require.Equal(t, "pass", result(t, h, at(1, "a", 0)))
	}
	err = errors.New("not yet")
	for range 10 {
		require.Error(t, h(t.Context(), at(1, "b", 5)))
	}
	err = nil
	require.Equal(t, "pass", result(t, h, at(1, "b", 5)))
	require.Equal(t, "pass", result(t, h, at(1, "c", 10)))
	require.Equal(t, "silent", result(t, h, at(1, "d", 15)))
}

// Two bots that answer whatever they hear, each other too, come to rest.
func TestLoopBreaker_TwoBotsComeToRest(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	key := newKey(t)
	me, err := key.PubKey()
	require.NoError(t, err)
	other := &net{Relay: n.Relay, botKey: key, bot: me}
	var diaries [2]diary
	var bots [2]*nostrbot.Bot
	for i, n := range []*net{n, other} {
		cfg := nostrbot.Config{Hooks: []nostrbot.Hook{&diaries[i]}}
		bots[i], _ = n.run(t, cfg, func(b *nostrbot.Bot) {
			b.Use(nostrbot.LoopBreaker(4, time.Minute))
			ping(b)
			b.Fallback(nostrbot.Say(fmt.Sprintf("bot %d did not understand", i)))
		})
	}
	require.NoError(t, bots[0].Send(t.Context(), other.bot, "hello", "k"))
	silenced := func() bool { return diaries[0].has("refused  loop") || diaries[1].has("refused  loop") }
	require.Eventually(t, silenced, patience, time.Millisecond)
	answered := 0
	for i := range diaries {
		diaries[i].mu.Lock()
		for _, l := range diaries[i].lines {
			if strings.HasPrefix(l, "handled  nip17 answered") {
				answered++
			}
		}
		diaries[i].mu.Unlock()
	}
	require.Equal(t, 8, answered, "four answers each")
	alice := n.person(t)
	alice.says("ping", nostrbot.NIP17)
	alice.hears("pong") // others are served
}
