package dm

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip19"
	"github.com/stretchr/testify/require"
)

func TestNsec_Forms(t *testing.T) {
	t.Parallel()
	// The pair of NIP-19.
	const nsec = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
	const secret = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
	const public = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
	for _, s := range []string{nsec, " " + nsec + "\n", secret, strings.ToUpper(secret)} {
		pub, err := Nsec(s).PubKey()
		require.NoError(t, err)
		require.Equal(t, public, pub.String())
	}
}

func TestNsec_Invalid(t *testing.T) {
	t.Parallel()
	const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	good, err := GenerateKey()
	require.NoError(t, err)
	for name, s := range map[string]string{
		"empty":          "",
		"words":          "correct horse battery staple",
		"short":          alice.hex[:62],
		"long":           alice.hex + "00",
		"no hex":         strings.Repeat("g", 64),
		"zero":           strings.Repeat("0", 64),
		"order":          order,
		"order and one":  order[:63] + "2",
		"public key":     alice.pub.Npub(),
		"misspelt":       good[:60] + "qqq",
		"nsec of 16":     "nsec1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
		"nsec very long": "nsec1" + strings.Repeat("q", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := Nsec(s)
			_, pubErr := key.PubKey()
			signErr := key.Sign(t.Context(), &nostr.Event{})
			_, encErr := key.Encrypt(t.Context(), NIP44, alice.pub, "hello")
			_, dec44 := key.Decrypt(t.Context(), NIP44, alice.pub, strings.Repeat("A", 132))
			_, dec04 := key.Decrypt(t.Context(), AESCBC, alice.pub, "AAAA?iv="+strings.Repeat("A", 24))
			_, decShort := key.Decrypt(t.Context(), NIP44, alice.pub, "")
			_, sealErr := Seal(t.Context(), key, Draft{})
			_, wrapErr := Wrap(t.Context(), key, alice.pub, nil, now)
			for _, err := range []error{pubErr, signErr, encErr, dec44, dec04, decShort, sealErr, wrapErr} {
				require.ErrorIs(t, err, ErrSecretKey)
				require.ErrorContains(t, err, "want nsec1... or 64 hex digits")
				if len(s) > 8 {
					require.NotContains(t, err.Error(), s[5:])
				}
			}
			require.Equal(t, "invalid key", fmt.Sprint(key))
		})
	}
}

func TestNsec_Redacts(t *testing.T) {
	t.Parallel()
	const secret = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
	key := Nsec(secret)
	pub, err := key.PubKey()
	require.NoError(t, err)
	_, err = key.Encrypt(t.Context(), NIP44, alice.pub, "hello") // there is a shared key to leak, too
	require.NoError(t, err)

	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%t", "%08b", "%c"} {
		shown = append(shown, fmt.Sprintf(verb, key))
	}
	shown = append(shown, key.(fmt.GoStringer).GoString(), slog.AnyValue(key).Resolve().String())
	require.Equal(t, slog.KindString, slog.AnyValue(key).Resolve().Kind())
	type config struct{ Signer Signer }
	shown = append(shown, fmt.Sprintf("%+v", config{key}), fmt.Sprintf("%#v", config{key}))
	for _, v := range []any{key, config{key}} {
		j, err := json.Marshal(v)
		require.NoError(t, err)
		shown = append(shown, string(j))
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", v)
		shown = append(shown, log.String())
	}
	for _, s := range shown {
		require.Contains(t, s, "key of "+pub.Npub())
		require.NotContains(t, strings.ToLower(s), secret[:12])
	}

	// A printer that cannot call methods shows an address.
	s := fmt.Sprintf("%+v %#v", struct{ s Signer }{key}, struct{ s *localKey }{key.(*localKey)})
	require.NotContains(t, s, secret[:12])
	require.NotContains(t, s, "103 222 162", "decimal bytes")
}

func TestGenerateKey(t *testing.T) {
	t.Parallel()
	a, err := GenerateKey()
	require.NoError(t, err)
	b, err := GenerateKey()
	require.NoError(t, err)
	require.NotEqual(t, a, b)
	prefix, v, err := nip19.Decode(a)
	require.NoError(t, err)
	require.Equal(t, "nsec", prefix)
	want, err := nostr.GetPublicKey(v.(string))
	require.NoError(t, err)
	pub, err := Nsec(a).PubKey()
	require.NoError(t, err)
	require.Equal(t, want, pub.String())
}

func TestNsec_Sign(t *testing.T) {
	t.Parallel()
	ev := &nostr.Event{Kind: 1, CreatedAt: 1, Content: "x", PubKey: "old", ID: "old", Sig: "old"}
	require.NoError(t, shop.Sign(t.Context(), ev))
	require.Equal(t, shop.pub.String(), ev.PubKey)
	require.True(t, ev.CheckID())
	ok, err := ev.CheckSignature()
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, checkSignature(ev, shop.pub))
	require.False(t, checkSignature(ev, alice.pub))
	require.Contains(t, ev.String(), `"tags":[]`)
}

func TestNsec_PeerOffTheCurve(t *testing.T) {
	t.Parallel()
	nowhere := PubKey(bytes.Repeat([]byte{0xff}, 32))
	for _, how := range []Encryption{NIP44, AESCBC} {
		_, err := shop.Encrypt(t.Context(), how, nowhere, "x")
		require.ErrorIs(t, err, ErrPubKey)
	}
	_, err := shop.Decrypt(t.Context(), NIP44, nowhere, strings.Repeat("A", 132))
	require.ErrorIs(t, err, ErrPubKey)
	require.ErrorIs(t, err, ErrUndecryptable)
	_, err = shop.Encrypt(t.Context(), "rot13", alice.pub, "x")
	require.ErrorContains(t, err, "rot13")
	_, err = shop.Decrypt(t.Context(), "rot13", alice.pub, "x")
	require.ErrorContains(t, err, "rot13")
	require.NotErrorIs(t, err, ErrRefused)
}

// What strangers send must not push out the peers one talks to.
func TestNsec_CachesPeersOnly(t *testing.T) {
	t.Parallel()
	me := Nsec(shop.hex).(*localKey)
	for range 3 {
		_, err := Open(t.Context(), me, aForgery().make(t), now)
		require.NoError(t, err)
		_, err = Open(t.Context(), me, aDM(t, nil), now)
		require.NoError(t, err)
	}
	require.Zero(t, me.peers.len(), "no throw-away key, and nobody who got no answer")

	for _, via := range []Protocol{NIP17, NIP04} {
		_, err := Seal(t.Context(), me, Draft{To: alice.pub, Text: "hi", Via: via, At: now})
		require.NoError(t, err)
	}
	require.Equal(t, 1, me.peers.len())
	keys, ok := me.peers.get(alice.pub)
	require.True(t, ok)
	x, err := sharedSecret(alice.secret, shop.pub)
	require.NoError(t, err)
	require.Equal(t, peerKeys{aes: x, conversation: conversationKey(x)}, keys)

	m, err := Open(t.Context(), me, aForgery().make(t), now)
	require.NoError(t, err)
	require.Equal(t, "espresso", m.Text)
}

func TestPeerCache(t *testing.T) {
	t.Parallel()
	c := newPeerCache(2)
	peer := func(n byte) PubKey { return PubKey{n} }
	keys := func(n byte) peerKeys { return peerKeys{aes: [32]byte{n}} }
	c.put(peer(1), keys(1))
	c.put(peer(2), keys(2))
	got, ok := c.get(peer(1)) // now 2 is the one used longest ago
	require.True(t, ok)
	require.Equal(t, keys(1), got)
	c.put(peer(3), keys(3))
	_, ok = c.get(peer(2))
	require.False(t, ok)
	c.put(peer(1), keys(1)) // again: 3 is the oldest, nothing is added
	require.Equal(t, 2, c.len())
	c.put(peer(4), keys(4))
	_, ok = c.get(peer(3))
	require.False(t, ok)
	require.Equal(t, 2, len(c.byKey))
}

func TestNsec_Concurrent(t *testing.T) {
	t.Parallel()
	me := &localKey{secret: shop.secret, pub: shop.pub, peers: newPeerCache(2)} // so small that peers are pushed out all the time
	peers := []someone{aKey(t), aKey(t), aKey(t)}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			peer := peers[i%3]
			how := []Encryption{NIP44, AESCBC}[i%2]
			c, err := me.Encrypt(t.Context(), how, peer.pub, "hello")
			if err != nil {
				t.Error(err)
				return
			}
			for _, reader := range []struct {
				Signer
				from PubKey
			}{{peer, shop.pub}, {me, peer.pub}} {
				if got, err := reader.Decrypt(t.Context(), how, reader.from, c); err != nil || got != "hello" {
					t.Error(got, err)
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, me.peers.len(), 2)
}

func TestParsePubKey(t *testing.T) {
	t.Parallel()
	const npub = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
	const digits = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
	for _, s := range []string{npub, digits, strings.ToUpper(digits), "\t" + npub + " "} {
		p, err := ParsePubKey(s)
		require.NoError(t, err)
		require.Equal(t, digits, p.String())
		require.Equal(t, npub, p.Npub())
	}
	nsec, err := GenerateKey()
	require.NoError(t, err)
	for _, s := range []string{
		"", "npub1", npub[:62] + "q", npub + "q", digits[:63], digits + "0", strings.Repeat("z", 64),
		nsec, "npub1" + strings.Repeat("q", 1<<20),
	} {
		p, err := ParsePubKey(s)
		require.ErrorIs(t, err, ErrPubKey)
		require.True(t, p.IsZero())
		require.NotContains(t, err.Error(), nsec[5:])
	}
}

func TestPubKey_Text(t *testing.T) {
	t.Parallel()
	in := map[PubKey]PubKey{alice.pub: shop.pub}
	j, err := json.Marshal(in)
	require.NoError(t, err)
	require.JSONEq(t, `{"`+alice.pub.String()+`":"`+hex.EncodeToString(shop.pub[:])+`"}`, string(j))
	var out map[PubKey]PubKey
	require.NoError(t, json.Unmarshal(j, &out))
	require.Equal(t, in, out)
	require.ErrorIs(t, json.Unmarshal([]byte(`{"x":"y"}`), &out), ErrPubKey)
}
