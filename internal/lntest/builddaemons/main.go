// Command builddaemons builds the Lightning daemons of the tests into the
// user's cache, unless they are there, and prints their folder.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/dmshop/dmshop/internal/lntest"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := lntest.Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(dir)
}
