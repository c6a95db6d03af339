package relayurl_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/relayurl"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		" WSS://Relay.Example:443/ ":  "wss://relay.example",
		"ws://127.0.0.1:80":           "ws://127.0.0.1",
		"wss://relay.example:":        "wss://relay.example",
		"wss://relay.example/Path?q":  "wss://relay.example/Path?q",
		"wss://relay.example:7777/":   "wss://relay.example:7777",
		"ws://[2001:DB8::1]:443/npub": "ws://[2001:db8::1]:443/npub",
	} {
		got, err := relayurl.Normalize(raw)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, raw := range []string{"", "relay.example", "https://relay.example", "wss://", "wss://u:secret@relay.example", "wss://relay.example#x", "wss://a b", "wss://%zz"} {
		_, err := relayurl.Normalize(raw)
		require.ErrorIs(t, err, relayurl.ErrURL, raw)
		require.NotContains(t, err.Error(), "secret")
	}
}

// What comes out is its own one spelling.
func FuzzNormalize(f *testing.F) {
	f.Add("WSS://Relay.Example:443/")
	f.Add("ws://[::1%25eth0]:80")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := relayurl.Normalize(raw)
		if err != nil {
			return
		}
		again, err := relayurl.Normalize(u)
		if err != nil || again != u {
			t.Fatalf("%q became %q, which became %q: %v", raw, u, again, err)
		}
	})
}
