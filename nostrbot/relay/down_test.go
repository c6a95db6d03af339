package relay_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

// Each connection that is lost is told once, one that never was is not, and
// neither is the end of the pool.
func TestOnDown(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	r.Faults.RefuseConnections(true)
	ups, downs := make(chan string, 10), make(chan error, 10)
	t.Cleanup(func() { require.Empty(t, downs) }) // runs when the pool has ended
	b := startPool(t, relay.Config{
		URLs:   []string{r.URL()},
		OnUp:   func(url string) { ups <- url },
		OnDown: func(_ string, err error) { downs <- err },
	})
	b.eventually(r.URL(), func(l relay.Leg) bool { return l.Err != nil })
	r.Faults.RefuseConnections(false)
	<-ups
	require.Empty(t, downs)
	r.Faults.DropConnections()
	require.Error(t, <-downs)
	<-ups
}
