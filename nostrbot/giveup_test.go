package nostrbot_test

import (
	"context"
	"errors"
	"testing"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// A message that was given up is done, also when its twin comes.
func TestBot_TwinOfWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, func(b *nostrbot.Bot) {
		pong(b)
		b.Command("fail", "", func(context.Context, *nostrbot.Message) error { return errors.New("no") })
	}, func(c *nostrbot.Config) { c.Attempts = 1; c.Sorry = "sorry" })
	net.User(t, "alice", nostrbottest.Both).Says("fail").Hears("sorry").HearsNothing()
}
