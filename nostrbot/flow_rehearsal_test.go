package nostrbot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

// rehearsal is a bot with its customer alice, a clock that goes when told to,
// and no relay: what is said goes through the mailbox, the Store and the seals.
type rehearsal struct {
	bot   *nostrbot.Bot
	stop  func()
	store nostrbot.Store
	cfg   nostrbot.Config
	clock *handClock
	key   dm.Signer
	alice nostrbot.PubKey
	said  int

	failed []error // of handlers
}

var rehearsalStart = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// rehearse begins with a bot that wire declares.
func rehearse(wire func(*nostrbot.Bot), config ...func(*nostrbot.Config)) *rehearsal {
	r := &rehearsal{clock: newHandClock(rehearsalStart), key: must(freshKey())}
	r.alice = must(r.key.PubKey())
	r.cfg = nostrbot.Config{
		Signer: must(freshKey()), Relays: []string{"ws://127.0.0.1:1"}, Store: nostrbot.NewMemory(), Clock: r.clock,
		Attempts: 1, // no pauses, during which the clock would stand
		OnError:  func(_ context.Context, _ *nostrbot.Message, err error) { r.failed = append(r.failed, err) },
	}
	for _, c := range config {
		c(&r.cfg)
	}
	r.store = r.cfg.Store
	r.restart(wire)
	return r
}

// restart stops the bot and starts another on the same Store.
func (r *rehearsal) restart(wire func(*nostrbot.Bot)) {
	r.close()
	r.bot = must(nostrbot.New(r.cfg))
	wire(r.bot)
	r.stop = r.bot.ServeOffline()
}

func (r *rehearsal) close() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
}

// hear lets alice say something and returns the answers.
func (r *rehearsal) hear(text string) []string { return r.hearAt(text, r.clock.Now()) }

func (r *rehearsal) hearAt(text string, sentAt time.Time) []string {
	r.said++
	r.failed = nil
	if err := r.bot.Hear(r.alice, fmt.Sprintf("%064x", r.said), text, sentAt.Truncate(time.Second)); err != nil {
		panic(err)
	}
	return r.replies()
}

// wait lets time pass and returns what the bot said about it.
func (r *rehearsal) wait(d time.Duration) []string {
	r.clock.advance(d)
	r.bot.RingTimeouts()
	return r.replies()
}

// replies takes what is in the outbox.
func (r *rehearsal) replies() (texts []string) {
	ctx := context.Background()
	for {
		parcels := must(r.store.Parcels(ctx, r.alice, 100))
		if len(parcels) == 0 {
			return texts
		}
		for _, p := range parcels {
			texts = append(texts, must(dm.Open(ctx, r.key, must(parseEvent(p.Event)), r.clock.Now())).Text)
			p.State = nostrbot.ParcelSent
			if err := r.store.Update(ctx, p); err != nil {
				panic(err)
			}
		}
	}
}

// says, waits and signals print the conversation, for examples.

func (r *rehearsal) says(text string) {
	fmt.Println("alice:", text)
	r.print(r.hear(text))
}

func (r *rehearsal) waits(d time.Duration) {
	fmt.Println("--", d)
	r.print(r.wait(d))
}

func (r *rehearsal) print(texts []string) {
	for _, text := range texts {
		fmt.Println("  bot:", text)
	}
	for _, err := range r.failed {
		fmt.Println("  failed:", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func freshKey() (dm.Signer, error) {
	nsec, err := dm.GenerateKey()
	return dm.Nsec(nsec), err
}

func parseEvent(raw []byte) (*nostr.Event, error) {
	var ev nostr.Event
	return &ev, json.Unmarshal(raw, &ev)
}

// expect lets alice say something and checks the answers.
func (r *rehearsal) expect(t *testing.T, text string, answers ...string) {
	t.Helper()
	require.Equal(t, answers, r.hear(text), "to %q", text)
	require.Empty(t, r.failed)
}
