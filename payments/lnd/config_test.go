package lnd_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/lnd"
)

var macaroon = append([]byte{2, 1, 3}, []byte("lnd and the secret of it")...)

func goodConfig() lnd.Config {
	return lnd.Config{URL: "https://127.0.0.1:8080", Macaroon: macaroon, PreimageKey: lnd.PreimageKey{31: 42}, Network: bolt11.Mainnet}
}

func TestNew_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	w, err := lnd.New(goodConfig())
	require.NoError(t, err)
	require.Equal(t, "lnd at https://127.0.0.1:8080", w.String())
	for setting, spoil := range map[string]func(*lnd.Config){
		"URL: not an URL":  func(c *lnd.Config) { c.URL = "https://\x00" },
		"URL: want":        func(c *lnd.Config) { c.URL = "http://127.0.0.1:8080" }, // the macaroon in the clear
		"URL: want \"http": func(c *lnd.Config) { c.URL = "" },
		"URL: want no":     func(c *lnd.Config) { c.URL = "https://me:secret@127.0.0.1:8080" },
		"Cert":             func(c *lnd.Config) { c.Cert = []byte("no PEM") },
		"Macaroon":         func(c *lnd.Config) { c.Macaroon = nil },
		"PreimageKey":      func(c *lnd.Config) { c.PreimageKey = lnd.PreimageKey{} },
		"Network":          func(c *lnd.Config) { c.Network = "" },
		"PayTimeout":       func(c *lnd.Config) { c.PayTimeout = time.Millisecond },
	} {
		c := goodConfig()
		spoil(&c)
		_, err := lnd.New(c)
		require.ErrorContains(t, err, setting)
		require.NotContains(t, err.Error(), "me:")
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	c := goodConfig()
	w, err := lnd.New(c)
	require.NoError(t, err)
	var out bytes.Buffer
	for _, v := range []any{c, &c, c.Macaroon, c.PreimageKey, w, *w} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	text, err := json.Marshal(c)
	require.NoError(t, err)
	out.Write(text)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "c", c, "m", c.Macaroon, "k", c.PreimageKey, "w", w)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "c", c, "m", c.Macaroon, "k", c.PreimageKey)
	shown := strings.ToLower(out.String())
	for _, secret := range []string{"the secret of it", hex.EncodeToString(macaroon)[10:30], strings.Trim(fmt.Sprintf("%d", macaroon), "[]"), " 42]", "0x2a}", "002a"} {
		require.NotContains(t, shown, secret)
	}
}

func TestParseMacaroon(t *testing.T) {
	t.Parallel()
	for _, text := range [][]byte{macaroon, []byte(hex.EncodeToString(macaroon)), []byte(strings.ToUpper(hex.EncodeToString(macaroon)) + "\n")} {
		m, err := lnd.ParseMacaroon(text)
		require.NoError(t, err)
		require.True(t, bytes.Equal(macaroon, m))
	}
	for _, text := range []string{"", "0201", "{\"v\":2}", strings.Repeat("x", 100), strings.Repeat("\x02", 10_000)} {
		_, err := lnd.ParseMacaroon([]byte(text))
		require.Error(t, err)
	}
}

func TestParsePreimageKey(t *testing.T) {
	t.Parallel()
	k, err := lnd.ParsePreimageKey(strings.Repeat("0", 62) + "2a")
	require.NoError(t, err)
	require.True(t, k == lnd.PreimageKey{31: 42})
	for _, text := range []string{"", "2a", strings.Repeat("g", 64), strings.Repeat("0", 63)} {
		_, err := lnd.ParsePreimageKey(text)
		require.Error(t, err)
	}
}

func ExampleNew() {
	_, err := lnd.New(lnd.Config{URL: "http://127.0.0.1:8080"})
	fmt.Println(err)
	// Output:
	// lnd: URL: want "https://host:port"
	// Macaroon: required
	// PreimageKey: required: 32 random bytes, kept with the shop's secrets
	// Network: required: one of bolt11's
}
