package dm

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// someone is a key with its spellings, whose secret tests may use.
type someone struct {
	secret *secretKey
	hex    string // the secret
	pub    PubKey
	Signer
}

func newSomeone(hexKey string) someone {
	var b [32]byte
	if _, err := hex.Decode(b[:], []byte(hexKey)); err != nil {
		panic(err)
	}
	secret, err := parseSecret(&b)
	if err != nil {
		panic(err)
	}
	return someone{secret, hexKey, publicKey(secret), Nsec(hexKey)}
}

var (
	alice = newSomeone(strings.Repeat("0", 63) + "3")
	shop  = newSomeone(strings.Repeat("0", 63) + "5")
	eve   = newSomeone(strings.Repeat("0", 63) + "7")
)

var seed atomic.Uint32

// aKey is a new key, the same from run to run.
func aKey(t testing.TB) someone {
	t.Helper()
	return newSomeone(sha(strconv.Itoa(int(seed.Add(1)))))
}

// forgery builds a wrap from the inside out; each hook may spoil one layer
// after it was made as it should be, and before the next is put around it.
type forgery struct {
	from, to  someone
	rumor     func(*nostr.Event)          // before its id
	claimed   func(*nostr.Event)          // after its id
	rumorJSON func(string) string         // what is sealed
	seal      func(*nostr.Event)          // before it is signed
	signed    func(*nostr.Event)          // after it is signed
	sealJSON  func(string) string         // what is wrapped
	wrap      func(*nostr.Event)          // before it is signed
	encrypt   func(PubKey, string) string // for the rumor
}

func aForgery() forgery { return forgery{from: alice, to: shop} }

func (f forgery) make(t testing.TB) *nostr.Event {
	t.Helper()
	apply := func(hook func(*nostr.Event), ev *nostr.Event) {
		if hook != nil {
			hook(ev)
		}
	}
	rumor := nostr.Event{
		PubKey: f.from.pub.String(), CreatedAt: nostr.Timestamp(now.Unix() - 60), Kind: 14,
		Tags: nostr.Tags{{"p", f.to.pub.String()}}, Content: "espresso",
	}
	apply(f.rumor, &rumor)
	rumor.ID = rumor.GetID()
	apply(f.claimed, &rumor)
	text := string(encodeEvent(&rumor))
	if f.rumorJSON != nil {
		text = f.rumorJSON(text)
	}

	seal := nostr.Event{Kind: 13, CreatedAt: nostr.Timestamp(now.Unix() - 3600), Tags: nostr.Tags{}}
	if f.encrypt != nil {
		seal.Content = f.encrypt(f.to.pub, text)
	} else {
		seal.Content = encryptFor(t, f.from, f.to.pub, text)
	}
	apply(f.seal, &seal)
	require.NoError(t, signEvent(f.from.secret, f.from.pub, &seal))
	apply(f.signed, &seal)
	text = string(encodeEvent(&seal))
	if f.sealJSON != nil {
		text = f.sealJSON(text)
	}

	throwaway := aKey(t)
	wrap := nostr.Event{
		Kind: 1059, CreatedAt: nostr.Timestamp(now.Unix() - 7200),
		Tags: nostr.Tags{{"p", f.to.pub.String()}}, Content: encryptFor(t, throwaway, f.to.pub, text),
	}
	apply(f.wrap, &wrap)
	require.NoError(t, signEvent(throwaway.secret, throwaway.pub, &wrap))
	return &wrap
}

func encryptFor(t testing.TB, from someone, to PubKey, text string) string {
	t.Helper()
	c, err := from.Encrypt(t.Context(), NIP44, to, text)
	require.NoError(t, err)
	return c
}

// aDM is a kind 4 from alice to the shop; change runs before it is signed.
func aDM(t testing.TB, change func(*nostr.Event)) *nostr.Event {
	t.Helper()
	return aDMFrom(t, alice, shop, change)
}

func aDMFrom(t testing.TB, from, to someone, change func(*nostr.Event)) *nostr.Event {
	t.Helper()
	c, err := from.Encrypt(t.Context(), AESCBC, to.pub, "espresso")
	require.NoError(t, err)
	ev := &nostr.Event{
		Kind: 4, CreatedAt: nostr.Timestamp(now.Unix() - 60),
		Tags: nostr.Tags{{"p", to.pub.String()}}, Content: c,
	}
	if change != nil {
		change(ev)
	}
	require.NoError(t, signEvent(from.secret, from.pub, ev))
	return ev
}

func parse(t testing.TB, event []byte) *nostr.Event {
	t.Helper()
	ev := new(nostr.Event)
	require.NoError(t, json.Unmarshal(event, ev))
	return ev
}

func fixture(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}
