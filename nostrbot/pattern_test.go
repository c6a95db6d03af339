package nostrbot

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func testRouter(t testing.TB) *router {
	b := &Bot{}
	b.router.init(b)
	arg := func(names ...string) Handler {
		return func(_ context.Context, m *Message) error {
			var got []string
			for _, n := range names {
				got = append(got, n+"="+m.Arg(n))
			}
			m.Reply(strings.Join(got, " "))
			return nil
		}
	}
	b.Command("ping", "", Say("pong"))
	b.Command("menu [CC]", "", arg("CC"))
	b.Command("buy SKU", "", arg("SKU"))
	b.Command("say TO WORDS...", "", arg("TO", "WORDS"))
	b.Command("confirm|yes|y", "", Say("confirmed"))
	b.Fallback(Say("fallback"))
	return &b.router
}

func answer(t testing.TB, r *router, text string) string {
	m := NewMessage(PubKey{1}, "id", text)
	require.NoError(t, r.route(m)(t.Context(), m))
	return strings.Join(m.Replies(), "|")
}

func TestRoute(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	for text, want := range map[string]string{
		"ping":                 "pong",
		"  /PING \n":           "pong",
		"/ping me":             "Usage: /ping",
		"ping me":              "fallback", // plain talk, not the command
		"/menu":                "CC=",
		"menu ro":              "CC=ro",
		"/menu ro de":          "Usage: /menu [CC]",
		"/buy":                 "Usage: /buy SKU",
		"buy":                  "fallback",
		"/say bob hi  there\n": "TO=bob WORDS=hi there",
		"/say bob":             "Usage: /say TO WORDS...",
		"YES":                  "confirmed",
		"y":                    "confirmed",
		"yes please":           "fallback",
		"":                     "fallback",
		"/":                    "fallback",
		"//ping":               "fallback",
		"\x00\x01":             "fallback",
		"/unknown":             "fallback",
	} {
		require.Equal(t, want, answer(t, r, text), "%q", text)
	}
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"/menu RO", "buy x", "/say a b c", "", "/", "\xff\xfe", " \t\n", "/\u00a0ping", strings.Repeat("x ", 1000)} {
		f.Add(s)
	}
	r := testRouter(f)
	f.Fuzz(func(t *testing.T, text string) {
		require.NotEmpty(t, answer(t, r, text))
	})
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"a", "a|b C [D]", "x A...", "[", "x [A...]", "x ...", "|"} {
		f.Add(s)
	}
	types := builtInTypes()
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePattern(s, types)
		if err != nil {
			return
		}
		q, err := parsePattern(strings.TrimPrefix(p.usage(), "/"), types)
		require.NoError(t, err, "the usage of an accepted pattern is a pattern")
		require.Len(t, q.args, len(p.args))
		for i := range p.args {
			require.Equal(t, p.args[i].name, q.args[i].name)
		}
		require.Equal(t, p.required, q.required)
	})
}

func TestNote_Twins(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 0)
	say := func(text string, via Protocol, seconds int) letter {
		return letter{text: text, via: via, sentAt: at.Add(time.Duration(seconds) * time.Second)}
	}
	type step struct {
		letter
		twin bool
	}
	for name, steps := range map[string][]step{
		"both ways is one":            {{say("1", NIP04, 0), false}, {say("1", NIP17, 1), true}},
		"either order":                {{say("1", NIP17, 1), false}, {say("1", NIP04, 0), true}},
		"a repeat one way is two":     {{say("1", NIP04, 0), false}, {say("1", NIP04, 1), false}},
		"two twins, interleaved":      {{say("1", NIP04, 0), false}, {say("1", NIP17, 0), true}, {say("1", NIP04, 1), false}, {say("1", NIP17, 1), true}},
		"two twins, one by one":       {{say("1", NIP04, 0), false}, {say("1", NIP04, 1), false}, {say("1", NIP17, 0), true}, {say("1", NIP17, 1), true}, {say("1", NIP17, 2), false}},
		"another text is no twin":     {{say("1", NIP04, 0), false}, {say("2", NIP17, 0), false}},
		"much later is no twin":       {{say("1", NIP04, 0), false}, {say("1", NIP17, 6), false}},
		"a job of our own is no twin": {{say("", NIP04, 0), false}, {say("", NIP17, 0), false}},
	} {
		r := &record{}
		for i, s := range steps {
			require.Equal(t, s.twin, r.note(s.letter), "%s, step %d", name, i)
		}
	}
}

func TestNote_IsBounded(t *testing.T) {
	t.Parallel()
	r := &record{}
	for i := range 10 * keepRecent {
		r.note(letter{text: "x", via: NIP17, sentAt: time.Unix(int64(i)*100, 0)})
	}
	require.Len(t, r.Recent, keepRecent)
}

// A client dates its messages by its own clock, and shows the conversation by
// dates: an answer comes after its question.
func TestReplyDate_IsAfterTheQuestion(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	for ahead, want := range map[time.Duration]time.Duration{
		-time.Hour: 0, 0: time.Second, 30 * time.Second: 31 * time.Second, time.Hour: time.Minute,
	} {
		r := &record{}
		r.wrote(letter{sentAt: now, dated: now.Add(ahead), via: NIP17}, false, now)
		require.Equal(t, now.Add(want), r.replyDate(now), "a clock that is %v ahead", ahead)
	}
}

// The second copy comes late, from a client whose clock is ahead: both arrive
// "now", and are known by the dates they bear.
func TestNote_TwinOfAClockThatIsAhead(t *testing.T) {
	t.Parallel()
	r, at := &record{}, time.Unix(1_700_000_000, 0)
	dated := at.Add(time.Minute)
	require.False(t, r.note(letter{text: "1", via: NIP17, sentAt: at, dated: dated}))
	require.True(t, r.note(letter{text: "1", via: NIP04, sentAt: at.Add(20 * time.Second), dated: dated}))
}

func TestReplyDate_NeverRunsBackwards(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := &record{}
		now := time.Unix(1_700_000_000, 0)
		var last time.Time
		for range rapid.IntRange(1, 100).Draw(t, "replies") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			at := r.replyDate(now)
			require.False(t, at.Before(last), "%v before %v", at, last)
			require.LessOrEqual(t, at.Sub(now), time.Minute)
			last = at
		}
	})
}
