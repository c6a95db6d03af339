package relay_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestAuth(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]devrelay.AuthMode{
		"challenge on connect": devrelay.AuthOnConnect,
		"challenge on demand":  devrelay.AuthOnDemand,
		"withholds silently":   devrelay.AuthSilent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, devrelay.Options{})
			require.NoError(t, r.Publish(toMe(t, "kept")))
			r.Faults.RequireAuth(mode)
			b := startPool(t, relay.Config{URLs: []string{r.URL()}, Sign: sign})
			b.expect("kept")
			b.eventually(r.URL(), func(l relay.Leg) bool { return l.Authed && l.Live })
			require.True(t, b.Publish(b.ctx, raw(t, toMe(t, "live")))[0].Delivered())
			b.expect("live")
			require.Equal(t, 1, r.Count(devrelay.AUTH))

			r.Faults.DropConnections()
			b.wait(r, devrelay.AUTH, 2)
			b.eventually(r.URL(), func(l relay.Leg) bool { return l.Connects == 2 && l.Authed && l.Live })
			require.NoError(t, r.Publish(toMe(t, "after reconnect")))
			b.expect("after reconnect")
		})
	}
}

// The refused event is sent again by the same call.
func TestPublishAnswersAuth(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	pool := publishOnly(t, r, relay.Config{Sign: sign})
	pool.eventually(r.URL(), isLive)
	r.Faults.RequireAuth(devrelay.AuthOnDemand)
	v := pool.Publish(pool.ctx, raw(t, toMe(t, "x")))[0]
	require.True(t, v.Delivered(), "%+v", v)
	require.Equal(t, 2, r.Count(devrelay.EVENT))
	require.Equal(t, 1, r.Count(devrelay.AUTH))
	auth := pool.wait(r, devrelay.AUTH, 1).Event
	require.Equal(t, r.URL(), auth.Tags.Find("relay")[1])
}

// publishOnly is a pool that is connected and delivers nothing.
func publishOnly(t *testing.T, r *devrelay.Relay, cfg relay.Config) *bench {
	t.Helper()
	up := make(chan string, 100)
	onUp := cfg.OnUp
	cfg.URLs = []string{r.URL()}
	cfg.OnUp = func(url string) {
		if onUp != nil {
			onUp(url)
		}
		up <- url
	}
	cfg.Filters = func(time.Time) []nostr.Filter { return []nostr.Filter{{LimitZero: true, Kinds: []int{9}}} }
	cfg.Deliver = func(context.Context, relay.Delivery) {}
	b := startPool(t, cfg)
	<-up
	return b
}

func TestAuthImpossible(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sign   func(context.Context, *nostr.Event) error
		refuse string
		auths  int
	}{
		"no signer":       {nil, "", 0},
		"signer fails":    {func(context.Context, *nostr.Event) error { return errors.New("no key") }, "", 0},
		"signer is wrong": {func(context.Context, *nostr.Event) error { return nil }, "", 0},
		"refused":         {sign, "restricted: not you", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, devrelay.Options{})
			r.Faults.RequireAuth(devrelay.AuthOnDemand)
			r.Faults.RefuseAuth(tt.refuse)
			b := publishOnly(t, r, relay.Config{Sign: tt.sign})
			v := b.Publish(b.ctx, raw(t, toMe(t, "x")))[0]
			require.Equal(t, relay.AuthRequired, v.Status, "%+v", v)
			require.Contains(t, v.Reason, "auth-required:")
			require.NoError(t, v.Err)
			require.False(t, v.Final() || v.Delivered())
			require.GreaterOrEqual(t, r.Count(devrelay.AUTH), tt.auths)

			reqs := r.Count(devrelay.REQ)
			b.wait(r, devrelay.REQ, reqs+3) // never gives up
			require.Equal(t, 1, r.Count(devrelay.Connected))
			r.Faults.RequireAuth(devrelay.AuthOff)
			b.eventually(r.URL(), isLive)
		})
	}
}

// A relay that wants another identity for one event only: AUTH does not help.
func TestAuthedAndStillRefused(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	r.Faults.RequireAuth(devrelay.AuthOnConnect)
	b := publishOnly(t, r, relay.Config{Sign: sign})
	b.eventually(r.URL(), func(l relay.Leg) bool { return l.Authed })
	r.Faults.RefuseEvents("auth-required: somebody else")
	v := b.Publish(b.ctx, raw(t, toMe(t, "x")))[0]
	require.Equal(t, relay.AuthRequired, v.Status)
	require.Equal(t, 2, r.Count(devrelay.EVENT), "tried once more")
}
