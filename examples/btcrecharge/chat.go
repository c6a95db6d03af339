package main

import (
	"context"

	"github.com/dmshop/dmshop/examples/btcrecharge/internal/demo"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

type chatCmd struct {
	Relay []string    `required:"" placeholder:"URL" help:"Where the bot listens; may be given several times."`
	To    dm.PubKey   `required:"" placeholder:"NPUB" help:"The bot."`
	DM    dm.Protocol `name:"dm" enum:"nip17,nip04" default:"nip17" help:"What to speak: nip17 or nip04."`
	Nsec  string      `env:"CUSTOMER_NSEC" placeholder:"NSEC" help:"Your key; a fresh one when there is none."`
}

func (c *chatCmd) Run(ctx context.Context) error {
	return demo.Chat(ctx, c.Relay, c.To, c.DM, c.Nsec)
}
