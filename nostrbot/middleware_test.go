package nostrbot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// at makes a message that reached the bot seconds after the first one.
func at(from byte, id string, seconds float64) *nostrbot.Message {
	m := nostrbot.NewMessage(nostrbot.PubKey{from}, id, "hello")
	m.ReceivedAt = time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
	m.SentAt = m.ReceivedAt.Truncate(time.Second)
	return m
}

// result runs h and says in one word what became of m.
func result(t *testing.T, h nostrbot.Handler, m *nostrbot.Message) string {
	t.Helper()
	require.NoError(t, h(t.Context(), m))
	switch {
	case m.Refused() == "":
		return "pass"
	case len(m.Replies()) > 0:
		return "told"
	}
	return "silent"
}

func TestRateLimit_SaysSoOnce(t *testing.T) {
	t.Parallel()
	h := nostrbot.RateLimit(3, 30*time.Second)(nostrbot.Say("ok"))
	for i, c := range []struct {
		at   float64
		want string
	}{
		{0, "pass"}, {0, "pass"}, {0, "pass"}, {0, "told"}, {1, "silent"}, {9.9, "silent"},
		{10, "pass"}, {10, "silent"}, {20, "pass"}, {29, "silent"}, {30, "pass"}, {30, "told"}, {31, "silent"},
		{120, "pass"}, {120, "pass"}, {120, "pass"}, {120, "told"},
	} {
		require.Equal(t, c.want, result(t, h, at(1, fmt.Sprint(i), c.at)), "message %d at %v s", i, c.at)
	}
	require.Equal(t, "pass", result(t, h, at(2, "x", 31)), "others have their own bucket")
	m := at(1, "last", 500)
	for range 4 {
		m = at(1, m.ID+"x", 500)
		require.NoError(t, h(t.Context(), m))
	}
	require.Equal(t, []string{"That is more than I can answer. Please wait 10 seconds before you go on."}, m.Replies())
}

// A message whose handler failed, or whose commit was refused, comes again.
func TestRateLimit_CountsAMessageOnceHoweverOftenItRuns(t *testing.T) {
	t.Parallel()
	fail := errors.New("not yet")
	var err error
	h := nostrbot.RateLimit(2, time.Minute)(func(context.Context, *nostrbot.Message) error { return err })
	err = fail
	for range 10 {
		require.ErrorIs(t, h(t.Context(), at(1, "a", 0)), fail)
	}
	err = nil
	require.Equal(t, "pass", result(t, h, at(1, "a", 0)))
	require.Equal(t, "pass", result(t, h, at(1, "b", 0)))
	for range 3 {
		require.Equal(t, "told", result(t, h, at(1, "c", 0)), "the answer was not committed: it is said again")
	}
	require.Equal(t, "silent", result(t, h, at(1, "d", 0)))
}

// The same with a bot that tries a failing handler again.
func TestRateLimit_RetriesOfTheBotAreNotCounted(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	runs := 0
	n.run(t, nostrbot.Config{OnError: func(context.Context, *nostrbot.Message, error) {}}, func(b *nostrbot.Bot) {
		b.Use(nostrbot.RateLimit(2, time.Hour))
		b.Fallback(func(_ context.Context, m *nostrbot.Message) error {
			if runs++; runs < 4 {
				return errors.New("not yet")
			}
			m.Replyf("run %d", runs)
			return nil
		})
	})
	alice := n.person(t)
	alice.says("1", nostrbot.NIP17)
	alice.hears("run 4")
	alice.says("2", nostrbot.NIP17)
	alice.hears("run 5")
	alice.says("3", nostrbot.NIP17)
	alice.hears("That is more than I can answer. Please wait 1800 seconds before you go on.")
}

func TestProofOfWork_AsksStrangersOnly(t *testing.T) {
	t.Parallel()
	h := nostrbot.ProofOfWork(20)(nostrbot.Say("ok"))
	stranger := func(id string, seconds float64, work int, known bool) *nostrbot.Message {
		m := at(1, id, seconds)
		m.Work, m.Known = work, known
		return m
	}
	require.Equal(t, "told", result(t, h, stranger("a", 0, 0, false)))
	require.Equal(t, "told", result(t, h, stranger("a", 0, 0, false)), "handled again")
	require.Equal(t, "silent", result(t, h, stranger("b", 1, 19, false)))
	require.Equal(t, "pass", result(t, h, stranger("c", 2, 20, false)))
	require.Equal(t, "pass", result(t, h, stranger("d", 3, 0, true)))
	m := stranger("e", 3601, 0, false)
	require.Equal(t, "told", result(t, h, m))
	require.Contains(t, m.Replies()[0], "20 bits")

	told := 0
	for i := range 200 {
		if result(t, h, at(byte(i+2), "x", 3601)) == "told" {
			told++
		}
	}
	require.Equal(t, 29, told, "a new key for each message makes the bot no louder")
}

func TestLists_ChangeWhileTheyAreUsed(t *testing.T) {
	t.Parallel()
	var banned nostrbot.List
	staff := nostrbot.NewList(nostrbot.PubKey{1})
	h := nostrbot.Block(&banned)(nostrbot.Allow(staff)(nostrbot.Say("ok")))
	require.Equal(t, "pass", result(t, h, at(1, "", 0)))
	require.Equal(t, "told", result(t, h, at(2, "", 0)))
	staff.Add(nostrbot.PubKey{2})
	banned.Add(nostrbot.PubKey{1})
	require.Equal(t, "pass", result(t, h, at(2, "", 0)))
	require.Equal(t, "silent", result(t, h, at(1, "", 0)))
	banned.Remove(nostrbot.PubKey{1}, nostrbot.PubKey{9})
	require.Equal(t, "pass", result(t, h, at(1, "", 0)))

	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				banned.Add(nostrbot.PubKey{byte(i)})
				_ = h(context.Background(), at(1, "", 0))
				banned.Remove(nostrbot.PubKey{byte(i)})
			}
		})
	}
	wg.Wait()
	require.False(t, banned.Has(nostrbot.PubKey{1}))
}

func TestRecover_MakesAnErrorOfAnyPanic(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"text", io.ErrUnexpectedEOF, 7, nil, struct{}{}} {
		err := nostrbot.Recover(func(context.Context, *nostrbot.Message) error { panic(value) })(t.Context(), at(1, "", 0))
		var p *nostrbot.PanicError
		require.ErrorAs(t, err, &p)
		require.Contains(t, string(p.Stack), "middleware_test.go")
		require.Contains(t, err.Error(), "handler panicked: ")
		if cause, ok := value.(error); ok {
			require.ErrorIs(t, err, cause)
		}
	}
	require.Equal(t, "pass", result(t, nostrbot.Recover(nostrbot.Say("ok")), at(1, "", 0)))
}

func TestTimeout_EndsTheContext(t *testing.T) {
	t.Parallel()
	err := nostrbot.Timeout(time.Millisecond)(func(ctx context.Context, _ *nostrbot.Message) error {
		<-ctx.Done()
		return ctx.Err()
	})(t.Context(), at(1, "", 0))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "pass", result(t, nostrbot.Timeout(time.Hour)(nostrbot.Say("ok")), at(1, "", 0)))
}

func TestLog_TellsTheEndAndNoText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := newBot(t)
	b.Use(nostrbot.Log(slog.New(slog.NewTextHandler(&out, nil))), nostrbot.Recover)
	b.Command("pin CODE", "", nostrbot.Say("your secret answer"))
	b.Command("fail WHY", "", func(_ context.Context, m *nostrbot.Message) error { return errors.New(m.Text) })
	b.Command("panic WHY", "", func(_ context.Context, m *nostrbot.Message) error { panic(m.Text) })
	b.Group(nostrbot.MaxText(1)).Command("long WHY", "", nostrbot.Say("x"))
	b.Fallback(func(context.Context, *nostrbot.Message) error { return nil })
	for text, want := range map[string]string{
		"pin secret":   `command=pin via=nip17 outcome=answered replies=1 took=`,
		"fail secret":  `command=fail via=nip17 outcome=failed replies=0 took=`,
		"panic secret": `command=panic via=nip17 outcome=panicked replies=0 took=`,
		"long secret":  `command=long via=nip17 outcome="refused: too-long" replies=1 took=`,
		"secret":       `command="" via=nip17 outcome=silent replies=0 took=`,
	} {
		out.Reset()
		_ = b.Answer(t.Context(), nostrbot.NewMessage(nostrbot.PubKey{1}, "the-id", text))
		require.Contains(t, out.String(), "level=INFO msg=message customer=")
		require.Contains(t, out.String(), "message=the-id "+want)
		require.NotContains(t, out.String(), "secret")
	}
}
