package main

import (
	"context"
	"fmt"

	"github.com/dmshop/dmshop/internal/devrelay"
)

type relayCmd struct {
	Addr string `default:"127.0.0.1:7447" placeholder:"HOST:PORT" help:"Where to listen."`
}

func (c *relayCmd) Run(ctx context.Context) error {
	r, err := devrelay.Start(c.Addr, devrelay.Options{})
	if err != nil {
		return err
	}
	fmt.Println("relay on " + r.URL() + ", events are kept in memory; ctrl+c ends it")
	<-ctx.Done()
	return r.Close()
}
