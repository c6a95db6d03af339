package metrics_test

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/metrics"
)

func Example() {
	m := metrics.New()
	_, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec("0000000000000000000000000000000000000000000000000000000000000001"),
		Relays: []string{"wss://relay.example"},
		Hooks:  []nostrbot.Hook{m},
	})
	registry := prometheus.NewRegistry()
	fmt.Println(err, registry.Register(m))
	// Output: <nil> <nil>
}
