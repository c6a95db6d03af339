package nostrbot_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// A reply that cannot be sealed fails the turn, and the author hears why.
func TestBot_ReplyThatCannotBeSealedIsReported(t *testing.T) {
	t.Parallel()
	r := rehearse(func(b *nostrbot.Bot) {
		b.Command("bad", "", nostrbot.Say("\xff"))
	}, func(c *nostrbot.Config) { c.Sorry = "sorry" })
	defer r.close()
	require.Equal(t, []string{"sorry"}, r.hear("/bad"))
	require.Len(t, r.failed, 1)
	require.ErrorContains(t, r.failed[0], "UTF-8")
}
