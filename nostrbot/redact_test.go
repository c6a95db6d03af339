package nostrbot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRedact_CutsKeysOut(t *testing.T) {
	t.Parallel()
	const nsec = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
	var out bytes.Buffer
	l := redact(slog.New(slog.NewJSONHandler(&out, nil)))
	require.Same(t, l, redact(l))
	customer := PubKey{7}
	l = l.With("key", nsec).WithGroup("w")
	l.Error("signer said "+nsec, "err", fmt.Errorf("bad key %q", nsec), "who", customer, "event", []byte("text"), "n", 7)
	l.With(slog.Group("g", slog.String("k", strings.ToUpper(nsec)))).LogAttrs(t.Context(), slog.LevelInfo, "", slog.Group("in",
		slog.String("uri", "nostr+walletconnect://x?relay=wss://r&secret="+strings.Repeat("ab", 32))))
	log := out.String()
	require.NotContains(t, strings.ToLower(log), nsec[:12])
	require.NotContains(t, log, strings.Repeat("ab", 32))
	require.NotContains(t, log, customer.String())
	require.NotContains(t, log, customer.Npub())
	require.NotContains(t, log, "text")
	require.Contains(t, log, `"who":"`+customer.Npub()[:13]+`...`)
	require.Contains(t, log, `"n":7`)
	require.Contains(t, log, `relay=wss://r&[secret key]`)
}

func TestLogFailure_HoldsNoWordsOfTheConversation(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct{ err, want string }{
		"buy RO-570 +40 712 345 678": {`buy: supplier: number "+40712345678" is not RO-570`, `buy: supplier: number "+[text]" is not RO-[text]`},
		"buy it for my mother":       {"mother, Mother's mothers: not found", "[text], [text]'s mothers: not found"},
		"BUY ok":                     {"buy ok", "buy ok"},
		"":                           {"timeout", "timeout"},
		"überweisung \xff":           {"Überweisung\xff", "[text]\xff"},
	} {
		var out bytes.Buffer
		b := &Bot{log: redact(slog.New(slog.NewTextHandler(&out, nil)))}
		b.router.init(b)
		b.Command("buy WHAT...", "", Say("x"))
		b.Fallback(Say("x"))
		m := NewMessage(PubKey{1}, "id", text)
		b.router.route(m)
		m.Reply("your PIN is 8842-1")
		b.logFailure(m, errors.New(c.err))
		b.logFailure(m, &PanicError{Value: c.err + " 8842"})
		require.Equal(t, c.want, withoutWords(c.err, m))
		for _, word := range []string{"712", "570", "mother,", "8842"} {
			require.NotContains(t, out.String(), word)
		}
	}
}

// Whatever was said, a word of it that is long enough is not in what is left of
// an error that repeats it.
func TestWithoutWords_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z0-9]{3,12}`).Draw(t, "word")
		before, after := rapid.StringMatching(`[ -~]{0,10}`).Draw(t, "before"), rapid.StringMatching(`[ -~]{0,10}`).Draw(t, "after")
		m := NewMessage(PubKey{1}, "id", before+" "+word+" "+after)
		got := strings.ToLower(withoutWords("- "+strings.ToUpper(word)+"; "+word, m))
		require.NotContains(t, strings.ReplaceAll(got, "[text]", ""), word)
	})
}

// What a signer, a store or a handler says does not carry a conversation into
// the log of a running bot.
func TestRedact_IsWhatTheBotLogsThrough(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cfg := Config{Logger: slog.New(slog.NewTextHandler(&out, nil))}
	cfg.setDefaults()
	b := &Bot{cfg: cfg, log: cfg.Logger, handlers: context.Background()}
	m := NewMessage(PubKey{1}, "id", "my address is Elm Street")
	_ = b.run(func(_ context.Context, m *Message) error { return fmt.Errorf("geocode %s", m.Text) }, m)
	require.Contains(t, out.String(), "handler failed")
	require.Contains(t, out.String(), "geocode")
	for _, word := range []string{"address", "Elm", "Street"} {
		require.NotContains(t, out.String(), word)
	}
}

// What a stranger wrote, repeated in an error, costs little to clean.
func TestWithoutWords_LongTextIsCheap(t *testing.T) {
	t.Parallel()
	m := NewMessage(PubKey{1}, "id", "")
	var words []string
	for i := range 16_000 {
		words = append(words, fmt.Sprintf("x%05d", i))
	}
	m.Text = strings.Join(words, " ")
	begin := time.Now()
	got := withoutWords("no such number: "+m.Text, m)
	require.Less(t, time.Since(begin), 300*time.Millisecond)
	require.NotContains(t, got, "x00077")
}
