// Command echo answers every DM with its own text.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/dmshop/dmshop/nostrbot"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	bot, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec(os.Getenv("BOT_NSEC")),
		Relays: strings.Split(os.Getenv("NOSTR_RELAYS"), ","),
	})
	if err != nil {
		log.Fatal(err)
	}
	bot.Command("ping", "check that I am awake", nostrbot.Say("pong"))
	bot.Fallback(func(ctx context.Context, m *nostrbot.Message) error {
		m.Reply("you said: " + m.Text)
		return nil
	})
	if err := bot.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
