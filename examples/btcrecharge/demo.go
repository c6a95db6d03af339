package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/term"

	"github.com/dmshop/dmshop/examples/btcrecharge/internal/demo"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

type demoCmd struct {
	Script string        `placeholder:"FILE" help:"Play the lines of FILE ('-' for standard input) as the customer, without a terminal."`
	DM     dm.Protocol   `name:"dm" enum:"nip17,nip04" default:"nip17" help:"What the customer's client speaks: nip17 or nip04."`
	Expiry time.Duration `default:"15m" help:"The life of invoices."`
	Fail   string        `enum:",supplier" default:"" placeholder:"supplier" help:"Let the supplier refuse after the payment, to see a refund."`
}

func (c *demoCmd) Run(ctx context.Context) error {
	if c.Expiry < time.Second {
		return errors.New("--expiry: an invoice lives a second at least")
	}
	if c.Expiry > 30*24*time.Hour {
		return errors.New("--expiry: an invoice lives 30 days at most")
	}
	script, err := c.script()
	if err != nil {
		return err
	}
	if script != nil {
		defer script.Close()
	}
	opts := demo.Options{Via: c.DM, Expiry: c.Expiry, Fail: c.Fail}
	if script != nil {
		opts.Print = func(s string) { fmt.Println(s) }
		world, err := demo.Start(ctx, opts)
		if err != nil {
			return err
		}
		return errors.Join(world.Script(ctx, script), world.Close())
	}
	return demo.Play(ctx, opts)
}

func (c *demoCmd) script() (io.ReadCloser, error) {
	switch c.Script {
	case "":
		if !term.IsTerminal(os.Stdin.Fd()) || !term.IsTerminal(os.Stdout.Fd()) {
			return nil, errors.New("there is no terminal here: give the customer's lines with --script FILE, or --script - for standard input")
		}
		return nil, nil
	case "-":
		return io.NopCloser(os.Stdin), nil
	default:
		return os.Open(c.Script)
	}
}
