package nostrbot_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// counting is the real signer; it counts what it is asked to open.
type counting struct {
	dm.Signer

	mu    sync.Mutex
	byKey map[dm.PubKey]int // by the author of the wrap, who is a new one each time
}

func (c *counting) Decrypt(ctx context.Context, e dm.Encryption, peer dm.PubKey, text string) (string, error) {
	if e == dm.NIP44 {
		c.mu.Lock()
		c.byKey[peer]++
		c.mu.Unlock()
	}
	return c.Signer.Decrypt(ctx, e, peer, text)
}

// junk is a gift wrap to the bot with nothing inside, such as a flood is made of.
func (p *person) junk() (event []byte, author dm.PubKey) {
	p.t.Helper()
	key := newKey(p.t)
	author, err := key.PubKey()
	require.NoError(p.t, err)
	content, err := key.Encrypt(p.t.Context(), dm.NIP44, p.net.bot, "spam")
	require.NoError(p.t, err)
	wrap := nostr.Event{Kind: 1059, CreatedAt: nostr.Now(), Content: content, Tags: nostr.Tags{{"p", p.net.bot.String()}}}
	require.NoError(p.t, key.Sign(p.t.Context(), &wrap))
	return []byte(wrap.String()), author
}

// opened is how often a wrap by one of these keys was opened, in all and at most.
func (c *counting) opened(keys []dm.PubKey) (all, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		all += c.byKey[k]
		most = max(most, c.byKey[k])
	}
	return all, most
}

// A flood of wraps fills the waiting room and overflows it. The known
// customer's kind 4 does not wait behind it, nor does a stranger who worked; a
// stranger who did not is answered in the end, though their message was left on
// the relay; and the flood costs no more than the budget, each piece of it once.
func TestDecryptBudget_Flood(t *testing.T) {
	t.Parallel()
	const flood, burst, room = 60, 5, 40
	n, clock := newNet(t), &nostrbottest.Clock{}
	signer := &counting{Signer: n.botKey, byKey: map[dm.PubKey]int{}}
	n.botKey = signer
	bot, _ := n.run(t, nostrbot.Config{Clock: clock, DecryptBudget: nostrbot.DecryptBudget{
		PerSecond: 10, Burst: burst, Work: 8, Waiting: room,
	}}, ping)
	alice, bob, carol, mallory := n.person(t), n.person(t), n.person(t), n.person(t)
	alice.says("ping", nostrbot.NIP04)
	alice.hears("pong") // known now

	clock.Freeze() // no token comes any more
	reqs := bot.Health()[0].Reqs
	var spammers []dm.PubKey
	for range flood {
		event, author := mallory.junk()
		mallory.publish(event)
		spammers = append(spammers, author)
	}
	bob.says("ping bob", nostrbot.NIP17)
	alice.says("ping 2", nostrbot.NIP04)
	carol.saysWithWork("ping carol", 8, "8")
	alice.hears("pong 2")
	carol.hears("pong carol")
	all, _ := signer.opened(spammers)
	require.LessOrEqual(t, all, burst)
	require.Empty(t, bob.heard)
	require.Equal(t, reqs, bot.Health()[0].Reqs, "the relays are asked again when there is room, not before")

	for end := time.Now().Add(patience); len(bob.heard) == 0 && time.Now().Before(end); {
		clock.Advance(100 * time.Millisecond) // another token
		<-time.After(time.Millisecond)
	}
	bob.hears("pong bob")
	require.Greater(t, bot.Health()[0].Reqs, reqs, "the relay was asked again for what did not fit")
	all, most := signer.opened(spammers)
	require.Greater(t, all, room)
	require.Equal(t, 1, most, "each piece of the flood is opened once")
}

// The same budget with nothing over it delays nobody, and a customer is known
// from the Store after a restart.
func TestDecryptBudget_KnowsCustomersAfterARestart(t *testing.T) {
	t.Parallel()
	n, store := newNet(t), nostrbot.NewMemory()
	budget := nostrbot.DecryptBudget{PerSecond: 0.001, Burst: 2}
	_, stop := n.run(t, nostrbot.Config{Store: store, DecryptBudget: budget}, ping)
	alice, bob, mallory := n.person(t), n.person(t), n.person(t)
	alice.says("ping", nostrbot.NIP04)
	alice.hears("pong")
	stop()

	bot, _ := n.run(t, nostrbot.Config{Store: store, DecryptBudget: budget}, ping)
	for range 3 { // more than the strangers' bucket holds
		event, _ := mallory.junk()
		mallory.publish(event)
	}
	bob.says("ping", nostrbot.NIP04) // a stranger by kind 4 waits
	alice.says("ping 2", nostrbot.NIP04)
	alice.hears("pong 2")
	require.Empty(t, bob.heard)
	require.NotNil(t, bot)
}

func TestDecryptBudget_FaultsAreNamed(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]nostrbot.DecryptBudget{
		"negative":     {PerSecond: -1},
		"no PerSecond": {Burst: 3},
	} {
		_, err := nostrbot.New(nostrbot.Config{
			Signer: nostrbot.Nsec(strings.Repeat("01", 32)), Relays: []string{"ws://127.0.0.1:1"}, DecryptBudget: d,
		})
		require.ErrorContains(t, err, fmt.Sprint("DecryptBudget has ", map[bool]string{true: "a "}[want == "negative"], want))
	}
}
