package nostrbot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

func TestBot_TheSameEventTwiceIsOneMessage(t *testing.T) {
	t.Parallel()
	for _, client := range clients {
		t.Run(string(client), func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t)
			bot := net.Bot(t, pong)
			alice := net.User(t, "alice", client).Says("ping").Hears("pong").Resends().HearsNothing()
			bot.Stop()
			bot.Start() // reads the relay's backlog again
			alice.Resends().HearsNothing()
		})
	}
}

func TestBot_TwoWrapsOfOneRumorAreOneMessage(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, pong)
	net.User(t, "alice").Says("ping").Hears("pong").Rewraps().HearsNothing()
}

func TestBot_BothProtocolsAtOnceAreOneMessage(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, echo)
	now := net.Clock.Now()
	alice := net.User(t, "alice", nostrbottest.Both).SaysAt(now, "hello").Hears("echo hello").HearsNothing()
	alice.Speaks(nostrbottest.NIP17).SaysAt(now.Add(time.Second), "hello").Hears("echo hello") // a true repeat by one protocol
	alice.HearsNothing()
}

func TestBot_WhatWasSentWhileItWasAwayIsAnswered(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	alice := net.User(t, "alice").Says("ping 1").Speaks(nostrbottest.NIP04).Says("ping 2")
	net.Bot(t, pong)
	alice.HearsAll("pong 1", "pong 2").HearsNothing()
}

func TestBot_BacklogIsHandledInTheOrderOfWriting(t *testing.T) {
	t.Parallel()
	for _, client := range clients {
		t.Run(string(client), func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t)
			alice := net.User(t, "alice", client)
			start := net.Clock.Now().Add(-time.Hour)
			for i := range 30 {
				alice.SaysAt(start.Add(time.Duration(i)*time.Second), fmt.Sprintf("ping %d", i))
			}
			net.Bot(t, pong)
			for i := range 30 {
				alice.Hears(fmt.Sprintf("pong %d", i))
			}
		})
	}
}

func TestBot_HostileEventsAreNotHandled(t *testing.T) {
	t.Parallel()
	net := nostrbottest.New(t)
	net.Bot(t, echo)
	alice, mallory := net.User(t, "alice"), net.User(t, "mallory")
	bot := net.PubKey("bot")

	// A rumor that claims to be alice's, sealed by mallory. Our own Wrap
	// refuses it; a hostile client would not.
	rumor := nostr.Event{PubKey: alice.PubKey().String(), CreatedAt: nostr.Now(), Kind: 14, Tags: nostr.Tags{{"p", bot.String()}}, Content: "forged"}
	rumor.ID = rumor.GetID()
	_, err := dm.Wrap(t.Context(), mallory.Signer(), bot, []byte(rumor.String()), time.Now())
	require.Error(t, err)
	mallory.Publish(forge(t, mallory.Signer(), nostrbot.Nsec(net.Key("throw-away")), bot, rumor))

	// Kind 4 with a wrong signature, and with a wrong id, from a relay that
	// does not check.
	s, err := dm.Seal(t.Context(), alice.Signer(), dm.Draft{To: bot, Text: "tampered", Via: dm.NIP04, At: time.Now()})
	require.NoError(t, err)
	var ev nostr.Event
	require.NoError(t, ev.UnmarshalJSON(s.Event))
	wrongSig, wrongID := ev, ev
	wrongSig.Sig = strings.Repeat("0", 128)
	wrongID.ID = strings.Repeat("0", 64)
	require.NoError(t, net.Relays[0].Inject([]byte(wrongSig.String())))
	require.NoError(t, net.Relays[0].Inject([]byte(wrongID.String())))
	alice.HearsNothing()

	// The forged twin came first, and the true one is heard all the same.
	alice.Publish(s.Event).Hears("echo tampered").HearsNothing()
	mallory.HearsNothing()
}

// forge seals and wraps a rumor without a look at who its author is.
func forge(t *testing.T, author, throwAway nostrbot.Signer, to nostrbot.PubKey, rumor nostr.Event) []byte {
	t.Helper()
	content, err := author.Encrypt(t.Context(), dm.NIP44, to, rumor.String())
	require.NoError(t, err)
	seal := nostr.Event{Kind: 13, CreatedAt: nostr.Now(), Content: content, Tags: nostr.Tags{}}
	require.NoError(t, author.Sign(t.Context(), &seal))
	content, err = throwAway.Encrypt(t.Context(), dm.NIP44, to, seal.String())
	require.NoError(t, err)
	wrap := nostr.Event{Kind: 1059, CreatedAt: nostr.Now(), Content: content, Tags: nostr.Tags{{"p", to.String()}}}
	require.NoError(t, throwAway.Sign(t.Context(), &wrap))
	return []byte(wrap.String())
}
