package nostrbottest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/sqlitestore"
)

// lastJudgement waits until the bot has seen all that was said, twice: once as
// it is, once started anew. Then the relays hold as many replies as there were
// messages, to each customer, in order, and no other.
func (s *soak) lastJudgement(users []*User) {
	t := s.t
	for _, r := range s.net.Relays {
		r.Heal()
	}
	judge := s.net.User(t, "judge")
	for round := range 2 {
		if round > 0 {
			s.begin(shot{})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		require.NoError(t, judge.fence(ctx), "the bot's log:\n%v", s.present().log)
		require.NoError(t, s.present().cmd.Process.Signal(os.Interrupt))
		<-s.present().exited
		require.NoError(t, s.present().err, "an interrupted bot ends well:\n%v", s.present().log)
		for _, u := range users {
			for _, r := range s.net.Relays {
				for _, ev := range r.dev.Events(nostr.Filter{Tags: nostr.TagMap{"p": {u.me.String()}}}) {
					u.open(ctx, ev)
				}
			}
			u.mu.Lock()
			inbox, known := u.inbox, len(u.known)
			u.mu.Unlock()
			require.Empty(t, inbox, "%s got a reply too many", u.name)
			require.Equal(t, s.messages, known, "%s", u.name)
		}
	}
}

// autopsy tells where the conversation with a customer got stuck: what the
// relays hold of it, and what the bot's Store does.
func (s *soak) autopsy(u *User) string {
	ctx := context.Background()
	var b strings.Builder
	for i, r := range s.net.Relays {
		said := r.dev.Events(nostr.Filter{Authors: []string{u.me.String()}})
		fmt.Fprintf(&b, "relay %d holds %d kind 4 events of %s, and of the last message:", i+1, len(said), u.name)
		for _, d := range u.sent {
			var ev nostr.Event
			_ = ev.UnmarshalJSON(d.Event) // we made it
			fmt.Fprintf(&b, " %s %v", d.Via, len(r.dev.Events(nostr.Filter{IDs: []string{ev.ID}})) == 1)
		}
		b.WriteString("; replies:")
		for _, ev := range r.dev.Events(nostr.Filter{Tags: nostr.TagMap{"p": {u.me.String()}}}) {
			m, err := dm.Open(ctx, u.key, ev, time.Now())
			fmt.Fprintf(&b, " %s %q (%v)", ev.ID[:8], m.Text, err)
		}
		b.WriteString("\n")
	}
	for _, leg := range u.pool.Health() {
		fmt.Fprintf(&b, "%s on %s: connected %v, live %v, %v\n", u.name, leg.URL, leg.Connected, leg.Live, leg.Err)
	}
	p := s.present()
	_ = p.cmd.Process.Kill() // it may be gone
	<-p.exited
	store, err := sqlitestore.Open(s.dir + "/bot.db")
	if err != nil {
		return b.String() + err.Error()
	}
	defer store.Close()
	ids := make([]string, len(u.sent))
	for i, d := range u.sent {
		ids[i] = d.ID
	}
	conv, err := store.Load(ctx, u.me, time.Now(), ids...)
	fmt.Fprintf(&b, "store: revision %d, done %v of %v, %v\nstate %s\n", conv.Rev, conv.Done, ids, err, conv.State)
	for _, id := range ids {
		parcels, err := store.ParcelsFor(ctx, u.me, id)
		fmt.Fprintf(&b, "for %s: %v\n", id, err)
		for _, p := range parcels {
			fmt.Fprintf(&b, "    %s via %s to %v: %s, %d attempts, due in %v, receipts %v\n", p.ID, p.Via, p.Relays, p.State, p.Attempts, time.Until(p.DueAt), p.Receipts)
		}
	}
	return b.String() + "the bot's log:\n" + p.log.String()
}
