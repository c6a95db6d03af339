package dm

import (
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/keyer"
	"github.com/nbd-wtf/go-nostr/nip04"
	"github.com/nbd-wtf/go-nostr/nip17"
	"github.com/nbd-wtf/go-nostr/nip44"
	"github.com/nbd-wtf/go-nostr/nip59"
	"github.com/stretchr/testify/require"
)

const greeting = "hello \"shop\"\n\\ \u2028 €😀"

// goNostrDecrypt is what GiftUnwrap wants.
func goNostrDecrypt(secret string) func(pub, c string) (string, error) {
	return func(pub, c string) (string, error) {
		key, err := nip44.GenerateConversationKey(pub, secret)
		if err != nil {
			return "", err
		}
		return nip44.Decrypt(c, key)
	}
}

func TestInterop_GoNostrWritesNIP17(t *testing.T) {
	t.Parallel()
	kr, err := keyer.NewPlainKeySigner(alice.hex)
	require.NoError(t, err)
	before := time.Now()
	own, theirs, err := nip17.PrepareMessage(t.Context(), greeting, nil, kr, shop.pub.String(), nil)
	require.NoError(t, err)

	m, err := Open(t.Context(), shop, &theirs, time.Now())
	require.NoError(t, err)
	require.Equal(t, greeting, m.Text)
	require.Equal(t, alice.pub, m.From)
	require.Equal(t, 14, m.Kind)
	require.WithinDuration(t, before, m.SentAt, time.Minute)

	_, err = Open(t.Context(), alice, &own, time.Now())
	require.ErrorIs(t, err, ErrOwn)
	_, err = Open(t.Context(), shop, &own, time.Now())
	require.ErrorIs(t, err, ErrNotForUs)
}

func TestInterop_GoNostrReadsNIP17(t *testing.T) {
	t.Parallel()
	d := aDraft(NIP17)
	d.Text = greeting
	s, err := Seal(t.Context(), shop, d)
	require.NoError(t, err)
	rumor, err := nip59.GiftUnwrap(*parse(t, s.Event), goNostrDecrypt(alice.hex))
	require.NoError(t, err)
	require.Equal(t, greeting, rumor.Content)
	require.Equal(t, s.ID, rumor.ID)
	require.Equal(t, shop.pub.String(), rumor.PubKey)
	require.Equal(t, nostr.Timestamp(now.Unix()), rumor.CreatedAt)
}

func TestInterop_GoNostrNIP04(t *testing.T) {
	t.Parallel()
	secret, err := nip04.ComputeSharedSecret(shop.pub.String(), alice.hex)
	require.NoError(t, err)
	content, err := nip04.Encrypt(greeting, secret)
	require.NoError(t, err)
	ev := &nostr.Event{Kind: 4, CreatedAt: nostr.Timestamp(now.Unix()), Content: content, Tags: nostr.Tags{{"p", shop.pub.String()}}}
	require.NoError(t, ev.Sign(alice.hex))
	m, err := Open(t.Context(), shop, ev, now)
	require.NoError(t, err)
	require.Equal(t, greeting, m.Text)

	d := aDraft(NIP04)
	d.Text = greeting
	s, err := Seal(t.Context(), shop, d)
	require.NoError(t, err)
	got, err := nip04.Decrypt(parse(t, s.Event).Content, secret)
	require.NoError(t, err)
	require.Equal(t, greeting, got)
}

// Events made by nostr-tools 2.25.2, the library under most web clients.
func TestInterop_NostrTools(t *testing.T) {
	t.Parallel()
	var v struct {
		RumorID  string `json:"rumor_id"`
		Wrap, DM nostr.Event
	}
	fixture(t, "nostr-tools.json", &v)
	sent := time.Unix(1_800_000_000, 0).UTC()

	m, err := Open(t.Context(), shop, &v.Wrap, sent.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, Message{
		ID: v.RumorID, EventID: v.Wrap.ID, From: alice.pub, Kind: 14, Via: NIP17, SentAt: sent, Dated: sent,
		Text:    "hello \x01\x7f \"shop\"\n\\ \u2028 €😀",
		ReplyTo: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	}, m)

	m, err = Open(t.Context(), shop, &v.DM, sent.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, Message{
		ID: v.DM.ID, EventID: v.DM.ID, From: alice.pub, Kind: 4, Via: NIP04, SentAt: sent, Dated: sent,
		Text: "hello \"shop\"\n€😀",
	}, m)
}

// Larger than go-nostr can read, or most clients would send.
func TestOpen_LongForm(t *testing.T) {
	t.Parallel()
	long := make([]byte, 300_000)
	for i := range long {
		long[i] = 'a' + byte(i%26)
	}
	f := aForgery()
	f.rumor = func(ev *nostr.Event) { ev.Content = string(long) }
	m, err := Open(t.Context(), shop, f.make(t), now)
	require.NoError(t, err)
	require.True(t, m.Text == string(long))
}
