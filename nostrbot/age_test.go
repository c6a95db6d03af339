package nostrbot_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// movedClock is the machine's clock, ahead by what it was moved.
type movedClock struct{ ahead atomic.Int64 }

func (c *movedClock) Now() time.Time                         { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *movedClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
func (c *movedClock) move(d time.Duration)                   { c.ahead.Add(int64(d)) }

func TestMaxAge(t *testing.T) {
	t.Parallel()
	sent := time.Unix(1_700_000_000, 0)
	for text, c := range map[string]struct {
		after time.Duration
		money nostrbot.Middleware
		want  string
	}{
		"as old as may be":  {time.Minute, nostrbot.MaxAge(time.Minute, ""), "done"},
		"older":             {time.Minute + 1, nostrbot.MaxAge(time.Minute, ""), "This reached me late, so I did nothing. If you still want it, please send it again."},
		"the author's text": {time.Hour, nostrbot.MaxAge(time.Minute, "again, please"), "again, please"},
		"from the future":   {-time.Hour, nostrbot.MaxAge(time.Minute, ""), "done"},
	} {
		b := newBot(t)
		b.Group(c.money).Command("buy", "", nostrbot.Say("done"))
		b.Command("menu", "", nostrbot.Say("menu"))
		for command, want := range map[string]string{"buy": c.want, "menu": "menu"} {
			m := nostrbot.NewMessage(nostrbot.PubKey{1}, "id", command)
			m.SentAt, m.ReceivedAt = sent, sent.Add(c.after)
			require.NoError(t, b.Answer(t.Context(), m))
			require.Equal(t, []string{want}, m.Replies(), text)
			require.Equal(t, want != "done" && want != "menu", m.Refused() == "too-old", text)
		}
	}
}

// The age goes by the bot's clock, and what a first run began a second one may
// finish, however long the pause between them.
func TestMaxAge_StaysTheSameOverTheAttempts(t *testing.T) {
	t.Parallel()
	n, clock := newNet(t), &movedClock{}
	var runs atomic.Int32
	n.run(t, nostrbot.Config{Clock: clock, OnError: func(context.Context, *nostrbot.Message, error) {}}, func(b *nostrbot.Bot) {
		ping(b)
		b.Group(nostrbot.MaxAge(time.Hour, "too late")).Command("buy", "", func(_ context.Context, m *nostrbot.Message) error {
			if runs.Add(1) == 1 {
				clock.move(2 * time.Hour)
				return errors.New("the wallet is away")
			}
			m.Reply("bought")
			return nil
		})
	})
	alice := n.person(t)
	alice.says("buy", nostrbot.NIP17)
	alice.hears("bought")
	alice.says("/buy", nostrbot.NIP17) // the customer's clock is two hours behind now
	alice.hears("too late")
	alice.says("ping", nostrbot.NIP17)
	alice.hears("pong")
	require.EqualValues(t, 2, runs.Load())
}

// A machine whose clock is wrong by days refuses everybody: its log says so.
func TestClockThatIsBehindIsTold(t *testing.T) {
	t.Parallel()
	n, clock, said := newNet(t), &movedClock{}, make(told, 100)
	clock.move(-25 * time.Hour)
	n.run(t, nostrbot.Config{Clock: clock, Logger: slog.New(slog.NewTextHandler(said, nil))}, ping)
	alice := n.person(t)
	alice.says("ping", nostrbot.NIP17)
	select {
	case <-said:
	case <-time.After(patience):
		t.Fatal("nothing was said")
	}
	alice.says("another", nostrbot.NIP17)
	clock.move(25 * time.Hour)
	alice.says("ping 2", nostrbot.NIP17)
	for m := range alice.heard {
		if m.Text == "pong 2" {
			break
		}
	}
	require.Empty(t, said, "once is enough")
}

// told is a log that keeps what it says of the clock.
type told chan string

func (c told) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "is this machine's clock right?") {
		c <- string(line)
	}
	return len(line), nil
}
