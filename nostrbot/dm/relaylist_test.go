package dm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/relayurl"
)

func aList(t testing.TB, kind int, tags ...nostr.Tag) *nostr.Event {
	t.Helper()
	ev := &nostr.Event{Kind: kind, CreatedAt: nostr.Timestamp(now.Unix()), Tags: tags}
	require.NoError(t, alice.Sign(t.Context(), ev))
	return ev
}

func TestOpenRelayList(t *testing.T) {
	t.Parallel()
	long := "wss://relay.example/" + strings.Repeat("x", maxRelayURL)
	l, err := OpenRelayList(aList(t, KindInboxRelays,
		nostr.Tag{"relay", "WSS://Two.example/"}, nostr.Tag{"relay", "ws://one.example:80"}, nostr.Tag{"relay", "wss://two.example"},
		nostr.Tag{"relay"}, nostr.Tag{}, nostr.Tag{"r", "wss://three.example"}, nostr.Tag{"relay", "https://four.example"}, nostr.Tag{"relay", long},
	), now)
	require.NoError(t, err)
	require.Equal(t, RelayList{Kind: 10050, Author: alice.pub, At: now, Read: []string{"wss://two.example", "ws://one.example"}}, l)

	l, err = OpenRelayList(aList(t, KindRelays,
		nostr.Tag{"r", "wss://both.example"}, nostr.Tag{"r", "wss://in.example", "read"}, nostr.Tag{"r", "wss://out.example", "write"},
		nostr.Tag{"r", "wss://also.example", ""}, nostr.Tag{"r", "wss://odd.example", "maybe"}, nostr.Tag{"relay", "wss://x.example"},
	), now)
	require.NoError(t, err)
	require.Equal(t, []string{"wss://both.example", "wss://in.example", "wss://also.example"}, l.Read)
	require.Equal(t, []string{"wss://both.example", "wss://out.example", "wss://also.example"}, l.Write)

	l, err = OpenRelayList(aList(t, KindInboxRelays), now)
	require.NoError(t, err)
	require.Empty(t, l.Read, "none is an answer too")

	var many []nostr.Tag
	for i := range 100 {
		many = append(many, nostr.Tag{"relay", fmt.Sprintf("wss://r%d.example", i)})
	}
	l, err = OpenRelayList(aList(t, KindInboxRelays, many...), now)
	require.NoError(t, err)
	require.Len(t, l.Read, MaxListed)
}

func TestOpenRelayList_Refuses(t *testing.T) {
	t.Parallel()
	change := func(f func(*nostr.Event)) *nostr.Event {
		ev := aList(t, KindRelays, nostr.Tag{"r", "wss://one.example"})
		f(ev)
		return ev
	}
	resign := func(f func(*nostr.Event)) *nostr.Event {
		return change(func(ev *nostr.Event) { f(ev); require.NoError(t, alice.Sign(t.Context(), ev)) })
	}
	for name, tt := range map[string]struct {
		ev   *nostr.Event
		want error
	}{
		"nothing":         {nil, ErrMalformed},
		"kind":            {resign(func(ev *nostr.Event) { ev.Kind = 10003 }), ErrKind},
		"author":          {change(func(ev *nostr.Event) { ev.PubKey = strings.ToUpper(ev.PubKey) }), ErrMalformed},
		"another author":  {change(func(ev *nostr.Event) { ev.PubKey = eve.pub.String(); ev.ID = ev.GetID() }), ErrForged},
		"id":              {change(func(ev *nostr.Event) { ev.ID = strings.Repeat("0", 64) }), ErrForged},
		"signature":       {change(func(ev *nostr.Event) { ev.Sig = strings.Repeat("0", 128) }), ErrForged},
		"short signature": {change(func(ev *nostr.Event) { ev.Sig = "00" }), ErrForged},
		"from the future": {resign(func(ev *nostr.Event) { ev.CreatedAt = nostr.Timestamp(now.Add(MaxSkew + time.Second).Unix()) }), ErrStale},
		"too many tags":   {resign(func(ev *nostr.Event) { ev.Tags = make(nostr.Tags, maxTags+1) }), ErrMalformed},
	} {
		l, err := OpenRelayList(tt.ev, now)
		require.ErrorIs(t, err, tt.want, name)
		require.ErrorIs(t, err, ErrRefused, name)
		require.Zero(t, l)
	}
}

func TestRelayList_Event(t *testing.T) {
	t.Parallel()
	for _, l := range []RelayList{
		{Kind: KindInboxRelays, Author: alice.pub, At: now, Read: []string{"wss://one.example", "wss://two.example"}},
		{Kind: KindRelays, Author: alice.pub, At: now, Read: []string{"wss://both.example", "wss://in.example"}, Write: []string{"wss://both.example", "wss://out.example"}},
		{Kind: KindRelays, Author: alice.pub, At: now},
	} {
		ev := l.Event()
		require.NoError(t, alice.Sign(t.Context(), ev))
		got, err := OpenRelayList(ev, now)
		require.NoError(t, err)
		require.Equal(t, l, got)
	}
}

func TestProfile_Event(t *testing.T) {
	t.Parallel()
	ev := Profile{Name: "shop", LUD16: "shop@wallet.example", Bot: true}.Event(now)
	require.Equal(t, 0, ev.Kind)
	require.JSONEq(t, `{"name":"shop","lud16":"shop@wallet.example","bot":true}`, ev.Content)
	require.Equal(t, nostr.Timestamp(now.Unix()), ev.CreatedAt)
}

// FuzzRelayList takes its input as the tags of a list, fields split at commas
// and tags at line breaks, signed by alice.
func FuzzRelayList(f *testing.F) {
	f.Add(true, "relay,wss://one.example\nrelay,WSS://two.example:443/")
	f.Add(false, "r,wss://one.example,read\nr,ws://[::1]:80,write\nr,wss://x.example")
	f.Fuzz(func(t *testing.T, inbox bool, text string) {
		ev := &nostr.Event{Kind: KindRelays, CreatedAt: nostr.Timestamp(now.Unix()), Tags: nostr.Tags{}}
		if inbox {
			ev.Kind = KindInboxRelays
		}
		for line := range strings.Lines(text) {
			ev.Tags = append(ev.Tags, strings.Split(strings.TrimSuffix(line, "\n"), ","))
		}
		if alice.Sign(t.Context(), ev) != nil {
			return
		}
		l, err := OpenRelayList(ev, now)
		if err != nil {
			if !errors.Is(err, ErrRefused) {
				t.Fatal(err)
			}
			return
		}
		for _, urls := range [][]string{l.Read, l.Write} {
			if len(urls) > MaxListed || len(slices.Compact(slices.Sorted(slices.Values(urls)))) != len(urls) {
				t.Fatalf("too many, or twice: %q", urls)
			}
			for _, u := range urls {
				if again, err := relayurl.Normalize(u); err != nil || again != u {
					t.Fatalf("%q is not normal: %v", u, err)
				}
			}
		}
	})
}
