package nostrbot_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// mark is middleware that leaves its name.
func mark(name string) nostrbot.Middleware {
	return func(next nostrbot.Handler) nostrbot.Handler {
		return func(ctx context.Context, m *nostrbot.Message) error {
			m.Reply(name)
			return next(ctx, m)
		}
	}
}

func TestGroup_MiddlewareLiesInTheOrderOfTheGroups(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	g := b.Group(mark("group"), mark("group2")) // before the bot's own
	b.Use(mark("bot"))
	inner := g.Group()
	inner.Use(mark("inner"))
	inner.Command("deep N:int", "", nostrbot.Say("deep"))
	b.Command("flat", "", nostrbot.Say("flat"))
	for text, want := range map[string]string{
		"deep 1":  "bot|group|group2|inner|deep",
		"flat":    "bot|flat",
		"/deep":   "bot|group|group2|inner|Usage: /deep N", // nothing gets around the middleware
		"/deep x": "bot|group|group2|inner|N must be a whole number, such as 12. Usage: /deep N",
		"hm":      "bot|Sorry, I did not understand that. Send /help to see what I can do.",
	} {
		require.Equal(t, want, ask(t, b, text), text)
	}
}

func TestHelp_ListsGroupsUnderTheirHeadings(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	h := nostrbot.Say("x")
	ops := b.Group().Heading("For operators")
	b.Command("ping", "am I awake", h)
	ops.Command("stock SKU", "how many", h)
	ops.Group().Command("close", "no more orders", h)
	b.Command("menu [CC:word]", "what I have", h)
	ops.Group().Heading("Money").Command("refund ID", "give it back", h)
	b.Group().Heading("Nothing to list").Command("hidden", "", h)
	b.Group().Command("buy", "buy", h)
	want := "/ping - am I awake\n/menu [CC] - what I have\n/buy - buy\n" +
		"\nFor operators\n/stock SKU - how many\n/close - no more orders\n" +
		"\nMoney\n/refund ID - give it back"
	require.Equal(t, want, b.Help())
	require.Contains(t, ask(t, b, "help"), "/buy - buy\n/help - what I can do\n\nFor operators")
}
