package nostrbot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// by is the protocols of what is sent to a user.
func by(d nostrbot.Delivery) (protocols []nostrbot.Protocol) {
	for _, c := range d.Copies {
		protocols = append(protocols, c.Via)
	}
	return protocols
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	one, other, both := []nostrbot.Protocol{dm.NIP17}, []nostrbot.Protocol{dm.NIP04}, []nostrbot.Protocol{dm.NIP17, dm.NIP04}
	for name, tt := range map[string]struct {
		policy nostrbot.Policy
		wrote  nostrbottest.Client // "" is never
		listed bool
		want   []nostrbot.Protocol
	}{
		"auto: as they wrote, nip17":      {nostrbot.Auto, nostrbottest.NIP17, false, one},
		"auto: as they wrote, nip04":      {"", nostrbottest.NIP04, true, other},
		"auto: never wrote, has a 10050":  {nostrbot.Auto, "", true, one},
		"auto: never wrote, nothing":      {nostrbot.Auto, "", false, both},
		"auto: wrote both ways":           {nostrbot.Auto, nostrbottest.Both, false, one},
		"dual: nip17":                     {nostrbot.Dual, nostrbottest.NIP17, false, one},
		"dual: nip04":                     {nostrbot.Dual, nostrbottest.NIP04, false, both},
		"dual: never wrote, has a 10050":  {nostrbot.Dual, "", true, both},
		"dual: both ways is nip17 enough": {nostrbot.Dual, nostrbottest.Both, false, one},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t)
			bot := net.Bot(t, pong, func(c *nostrbot.Config) { c.Policy = tt.policy })
			alice := net.User(t, "alice")
			if tt.listed {
				lists(alice, dm.KindInboxRelays, net.Relays[0].URL())
			}
			if tt.wrote != "" {
				alice.Speaks(tt.wrote).Says("ping").Hears("pong")
				if len(tt.want) == 2 {
					alice.Hears("pong")
				}
				alice.HearsNothing()
			}
			require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "news", "k"))
			d := delivery(t, bot, alice.PubKey(), "k", is(nostrbot.ParcelSent))
			require.Equal(t, tt.want, by(d))
			alice.Hears("news")
		})
	}
}

func TestConfig_DeliveryFaults(t *testing.T) {
	t.Parallel()
	_, err := nostrbot.New(nostrbot.Config{
		Signer: newKey(t), Relays: []string{"wss://r.example"}, Policy: "sms", IndexRelays: []string{"https://x"},
		MaxWork: 33, Expire: -1,
	})
	for _, want := range []string{"Policy", "IndexRelays", "MaxWork", "Expire"} {
		require.ErrorContains(t, err, want)
	}
}

func TestPeer(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	s := newStranger(t)
	bot := net.Bot(t, pong, guests(s))
	net.Clock.Freeze()
	alice := net.User(t, "alice", nostrbottest.NIP04)
	lists(alice, dm.KindRelays, s.url, "ws://not.tls.example")
	peer, err := bot.Peer(t.Context(), alice.PubKey())
	require.NoError(t, err)
	require.Equal(t, nostrbot.Peer{General: []string{s.url}, Listed: true}, peer)
	alice.Says("ping")
	require.Eventually(t, func() bool {
		peer, err = bot.Peer(t.Context(), alice.PubKey())
		return err == nil && peer.Via == dm.NIP04
	}, patience, time.Millisecond)
	require.Equal(t, net.Clock.Now().Unix(), peer.NIP04.Unix())
	require.Zero(t, peer.NIP17)
	require.Equal(t, net.URLs(), peer.Relays)
}

// stored is all that a store keeps of a customer's parcels.
func stored(t *testing.T, store nostrbot.Store, to nostrbot.PubKey, id string) []nostrbot.Parcel {
	t.Helper()
	parcels, err := store.ParcelsFor(t.Context(), to, id)
	require.NoError(t, err)
	require.NotEmpty(t, parcels)
	return parcels
}

func TestSecret(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	store := nostrbot.NewMemory()
	const code = "voucher 1234-5678"
	bot := net.Bot(t, func(b *nostrbot.Bot) {
		pong(b)
		b.Command("buy", "", func(_ context.Context, m *nostrbot.Message) error {
			if err := m.ReplySecret(code); err != nil {
				m.Replyf("no: %v", errors.Is(err, nostrbot.ErrNoNIP17))
			}
			m.Reply("thank you")
			return nil
		})
	}, func(c *nostrbot.Config) { c.Store = store })
	net.Relays[0].RefuseReplies("error: later") // so that they stay
	alice := net.User(t, "alice").Says("buy")
	require.NoError(t, bot.Send(t.Context(), alice.PubKey(), code, "k", nostrbot.Secret()))
	require.Eventually(t, func() bool {
		ps, err := store.ParcelsFor(t.Context(), alice.PubKey(), alice.SaidID())
		return err == nil && len(ps) == 2
	}, patience, time.Millisecond)
	ps := stored(t, store, alice.PubKey(), alice.SaidID())
	require.Nil(t, ps[0].Rumor)
	require.NotNil(t, ps[1].Rumor, "what is no secret can be wrapped anew")
	ps = append(ps, stored(t, store, alice.PubKey(), "send:k")...)
	require.Nil(t, ps[2].Rumor)
	conv, err := store.Load(t.Context(), alice.PubKey(), net.Clock.Now())
	require.NoError(t, err)
	require.NotContains(t, string(conv.State), "voucher")
	for _, p := range ps {
		require.NotContains(t, string(p.Event)+string(p.Rumor), "voucher")
	}
	net.Relays[0].Heal()
	net.Clock.Advance(time.Minute)
	alice.HearsAll(code, code, "thank you").HearsNothing()

	bob := net.User(t, "bob", nostrbottest.NIP04).Says("buy").Hears("no: true").Hears("thank you")
	require.ErrorIs(t, bot.Send(t.Context(), bob.PubKey(), code, "k", nostrbot.Secret()), nostrbot.ErrNoNIP17)
	require.ErrorContains(t, bot.Send(t.Context(), alice.PubKey(), code, "k2", nostrbot.Secret(), nostrbot.Via(dm.NIP04)), "NIP-17 only")
	require.ErrorContains(t, bot.Send(t.Context(), alice.PubKey(), code, "k2", nostrbot.Via("sms")), "sms")
	require.ErrorContains(t, bot.Send(t.Context(), alice.PubKey(), code, "k2", nostrbot.ExpiresIn(-1)), "expires")
	bob.HearsNothing()
}

// The same text at the same second under different keys is as many messages.
func TestSend_SameTextAtTheSameTime(t *testing.T) {
	t.Parallel()
	for _, client := range []nostrbottest.Client{nostrbottest.NIP17, nostrbottest.NIP04} {
		t.Run(string(client), func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t)
			bot := net.Bot(t, pong)
			alice := net.User(t, "alice", client).Says("ping").Hears("pong")
			net.Clock.Freeze()
			for i := range 3 {
				require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "paid", fmt.Sprint(i)))
			}
			alice.HearsAll("paid", "paid", "paid").HearsNothing()
		})
	}
}

func TestExpire(t *testing.T) {
	t.Parallel()
	net, own := ownRelay(t)
	bot := net.Bot(t, pong, func(c *nostrbot.Config) { c.Expire = time.Hour })
	alice := net.User(t, "alice").Says("ping").Hears("pong")
	require.NoError(t, bot.Send(t.Context(), alice.PubKey(), "short", "k", nostrbot.ExpiresIn(time.Minute)))
	alice.Hears("short")
	sent := dms(own, alice.PubKey())
	require.Len(t, sent, 2)
	for i, in := range []time.Duration{time.Hour, time.Minute} {
		tag := sent[i].Tags.Find("expiration")
		require.NotNil(t, tag)
		require.WithinDuration(t, time.Now().Add(in), unix(t, tag[1]), 30*time.Second)
	}
}

func unix(t *testing.T, s string) time.Time {
	t.Helper()
	var seconds int64
	_, err := fmt.Sscan(s, &seconds)
	require.NoError(t, err)
	return time.Unix(seconds, 0)
}

func TestReplySecret_InATestOfAHandler(t *testing.T) {
	t.Parallel()
	m := nostrbot.NewMessage(nostrbot.PubKey{1}, strings.Repeat("a", 64), "buy")
	require.NoError(t, m.ReplySecret("code"))
	require.Equal(t, []string{"code"}, m.Replies())
}
