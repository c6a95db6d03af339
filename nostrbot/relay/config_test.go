package relay_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	_, err := relay.New(relay.Config{
		URLs:    []string{"wss://ok.example", "http://x", "wss://user:hush@x"},
		Filters: everyMine,
		Timing:  relay.Timing{Ping: time.Minute, BackoffMin: time.Hour},
	})
	require.ErrorIs(t, err, relay.ErrURL)
	for _, want := range []string{`"http://x"`, "Filters and Deliver", "Ping", "BackoffMin"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "hush")
	_, err = relay.New(relay.Config{})
	require.ErrorContains(t, err, "no relay")
	_, err = relay.New(relay.Config{URLs: []string{"wss://x"}, Timing: relay.Timing{Write: -1}})
	require.ErrorContains(t, err, "negative")
	_, err = relay.New(relay.Config{URLs: []string{"wss://x"}, Deliver: func(context.Context, relay.Delivery) {}})
	require.Error(t, err)
	pool, err := relay.New(relay.Config{URLs: []string{"wss://X.example:443/", "wss://x.example"}, Timing: relay.Timing{Refresh: -1}})
	require.NoError(t, err)
	require.Equal(t, "wss://x.example", pool.Health()[0].URL)
	require.Len(t, pool.Health(), 1)
}

func TestNormalizeURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" wss://Relay.Example/ ": "wss://relay.example",
		"WSS://r.example:443":    "wss://r.example",
		"ws://r.example:80/":     "ws://r.example",
		"ws://r.example:443":     "ws://r.example:443",
		"wss://r.example/Chat/":  "wss://r.example/Chat/",
		"wss://r.example/?k=V":   "wss://r.example?k=V",
		"ws://[::1]:8080":        "ws://[::1]:8080",
		"wss://r.example:":       "wss://r.example",
	} {
		got, err := relay.NormalizeURL(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"", "r.example", "https://r.example", "wss://", "wss:///x", "wss://a@b", "wss://a#b", "wss://a b", ":", "wss://%zz"} {
		_, err := relay.NormalizeURL(in)
		require.ErrorIs(t, err, relay.ErrURL, in)
	}
}

func TestVerdictDetails(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]int{
		"pow: difficulty 26 is less than 30":      30,
		"pow: 28 bits needed, got 12":             28,
		"pow: more work":                          0,
		"pow: 99999999999999999999 or 24, or 300": 24,
	} {
		require.Equal(t, want, relay.Verdict{Status: relay.Pow, Reason: reason}.Difficulty(), reason)
	}
	require.Zero(t, relay.Verdict{Status: relay.Refused, Reason: "blocked: 30"}.Difficulty())
	for reason, want := range map[string]bool{
		"invalid: event timestamp too far in the future": true,
		"invalid: created_at too late":                   true,
		"invalid: Event is too old":                      true,
		"invalid: bad signature":                         false,
		"blocked: too old a client":                      false,
	} {
		require.Equal(t, want, relay.Verdict{Status: relay.Refused, Reason: reason}.DateRefused(), reason)
	}
	require.False(t, relay.Verdict{Status: relay.Accepted, Reason: "invalid: too old"}.DateRefused())
	require.Equal(t, "no answer", relay.Verdict{}.Status.String())
	require.Equal(t, "pow", relay.Pow.String())
	require.Equal(t, "auth required", relay.AuthRequired.String())
	require.Equal(t, "status 9", relay.Status(9).String())
	require.Equal(t, `pow: "pow: 20"`, relay.Verdict{Status: relay.Pow, Reason: "pow: 20"}.String())
	require.Equal(t, "no answer: "+relay.ErrTimeout.Error(), relay.Verdict{Err: relay.ErrTimeout}.String())
	require.Equal(t, "accepted", relay.Verdict{Status: relay.Accepted}.String())
}
