package nostrbot_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip13"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

// mine makes an event whose id has at least so many leading zero bits, with a
// nonce tag that ends in target.
func mine(ev *nostr.Event, bits int, target ...string) {
	tags := ev.Tags
	for n := 0; ; n++ {
		ev.Tags = append(tags[:len(tags):len(tags)], append(nostr.Tag{"nonce", strconv.Itoa(n)}, target...))
		if nip13.Difficulty(ev.GetID()) >= bits {
			return
		}
	}
}

// saysWithWork sends a NIP-17 message in a wrap that was mined.
func (p *person) saysWithWork(text string, bits int, target ...string) {
	p.t.Helper()
	var rumor nostr.Event
	require.NoError(p.t, rumor.UnmarshalJSON(p.seal(text, nostrbot.NIP17, time.Now()).Rumor))
	p.publish(p.forge(rumor, func(wrap *nostr.Event) { mine(wrap, bits, target...) }))
}

// Over real relays: the work is the outer event's, and only what was committed
// to counts.
func TestProofOfWork_OfTheOuterEvent(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		b.Use(nostrbot.ProofOfWork(6))
		ping(b)
	})
	const asked = "To keep spam out, I ask for 6 bits of proof of work (NIP-13) with the first message. Please set that in your client and write again."
	for name, c := range map[string]struct {
		bits   int
		target []string
		want   string
	}{
		"none":              {0, []string{"0"}, asked},
		"luck":              {6, nil, asked},
		"too little":        {6, []string{"5"}, asked},
		"more than it has":  {6, []string{"200"}, asked},
		"not a number":      {6, []string{"-7"}, asked},
		"enough":            {6, []string{"6"}, "pong"},
		"more than enough ": {8, []string{"7"}, "pong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stranger := n.person(t)
			stranger.saysWithWork("ping", c.bits, c.target...)
			stranger.hears(c.want)
		})
	}

	alice := n.person(t)
	ev := nostr.Event{}
	require.NoError(t, ev.UnmarshalJSON(alice.seal("ping", nostrbot.NIP04, time.Now()).Event))
	mine(&ev, 6, "6")
	require.NoError(t, alice.key.Sign(t.Context(), &ev))
	alice.publish([]byte(ev.String()))
	alice.hears("pong")
	alice.says("ping again", nostrbot.NIP17)
	alice.hears("pong again") // known now
}

// A stranger who was refused is a stranger still, also by the other protocol.
func TestProofOfWork_RefusedStaysAStranger(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	n.run(t, nostrbot.Config{}, func(b *nostrbot.Bot) {
		work := b.Group(nostrbot.ProofOfWork(30))
		work.Command("order", "", nostrbot.Say("ordered"))
		b.Command("sync", "", func(_ context.Context, m *nostrbot.Message) error {
			m.Refuse("not counted") // so that asking makes nobody known
			m.Replyf("known: %v", m.Known)
			return nil
		})
		b.Command("hi", "", nostrbot.Say("hi"))
	})
	mallory, now := n.person(t), time.Now()
	mallory.publish(mallory.seal("order", nostrbot.NIP17, now).Event)
	mallory.publish(mallory.seal("order", nostrbot.NIP04, now).Event) // its twin
	require.Contains(t, (<-mallory.heard).Text, "30 bits")
	mallory.says("/order", nostrbot.NIP17)
	mallory.says("sync", nostrbot.NIP17)
	mallory.hears("known: false")
	mallory.says("hi", nostrbot.NIP17)
	mallory.hears("hi")
	mallory.says("ORDER", nostrbot.NIP04)
	mallory.hears("ordered")
}
