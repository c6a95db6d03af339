package nostrbottest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// oddText is hard on whoever handles text as something else.
const oddText = "héllo 🍕 👩‍👩‍👧 \u2028\u200f€ \"quoted\" \\ <b>&amp;</b>\ttab\nanother line"

// story is too long for one DM: it comes in numbered parts.
var story = strings.TrimSpace(strings.Repeat("Once upon a time there was a shop that lived in DMs. 🏪\n", 1000))

// digest names a long text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%d bytes, %s", len(text), hex.EncodeToString(sum[:4]))
}

// storyteller is a bot whose answers show whether it read well.
func storyteller(b *nostrbot.Bot) {
	b.Command("count", "", count)
	b.Fallback(func(_ context.Context, m *nostrbot.Message) error {
		m.Reply(digest(strings.TrimPrefix(m.Text, "digest:")))
		return nil
	})
	b.Command("story", "", nostrbot.Say(story))
	b.Command("odd", "", nostrbot.Say(oddText))
}

// joined puts the numbered parts of a long text together again.
func joined(t *testing.T, parts []string) string {
	t.Helper()
	var b strings.Builder
	for i, p := range parts {
		text, ok := strings.CutPrefix(p, fmt.Sprintf("(%d/%d)\n", i+1, len(parts)))
		require.True(t, ok, "part %d of %d begins with %q", i+1, len(parts), p[:20])
		b.WriteString(text)
	}
	return b.String()
}

// The same users and the same bot over a relay that is not ours.
func TestInterop_Khatru(t *testing.T) {
	t.Parallel()
	for _, client := range []nostrbottest.Client{nostrbottest.NIP17, nostrbottest.NIP04, nostrbottest.Both} {
		t.Run(string(client), func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t, nostrbottest.Over(nostrbottest.StartKhatru(t)))
			bot := net.Bot(t, storyteller)
			alice := net.User(t, "alice", client)
			alice.Says("/count").Hears("1").Says("/count").Hears("2").Resends().Rewraps().HearsNothing()
			alice.Says("/odd").Hears(oddText).Says("digest:" + oddText).Hears(digest(oddText))
			long := strings.Repeat("ö ", 9000) + "."
			alice.Says("digest:" + long).Hears(digest(long))

			alice.Says("/story")
			parts := []string{alice.Next().Text, alice.Next().Text, alice.Next().Text}
			require.Equal(t, story, joined(t, parts))
			require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "news", "k"))
			alice.Hears("news").HearsNothing()

			bot.Crash()
			alice.Says("/count ")
			bot.Start()
			alice.Hears("3").HearsNothing()
		})
	}
}
