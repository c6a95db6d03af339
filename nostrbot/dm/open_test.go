package dm

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
)

func TestOpen_NIP17(t *testing.T) {
	t.Parallel()
	f := aForgery()
	f.rumor = func(ev *nostr.Event) {
		ev.Tags = append(ev.Tags,
			nostr.Tag{"e", strings.Repeat("a", 64), "wss://r.example"},
			nostr.Tag{"e", strings.Repeat("b", 64)},
			nostr.Tag{"e", "no id"}, nostr.Tag{"e"})
	}
	var id string
	f.claimed = func(ev *nostr.Event) { id = ev.ID }
	wrap := f.make(t)
	before := wrap.String()

	m, err := Open(t.Context(), shop, wrap, now)
	require.NoError(t, err)
	require.Equal(t, Message{
		ID: id, EventID: wrap.ID, From: alice.pub, Kind: 14, Text: "espresso",
		SentAt: now.Add(-time.Minute), Dated: now.Add(-time.Minute), Via: NIP17, ReplyTo: strings.Repeat("b", 64),
	}, m)
	require.Equal(t, before, wrap.String(), "the event is as it was")
}

func TestOpen_NIP04(t *testing.T) {
	t.Parallel()
	ev := aDM(t, func(ev *nostr.Event) {
		ev.Tags = append(ev.Tags, nostr.Tag{"e", strings.Repeat("c", 64)})
	})
	m, err := Open(t.Context(), shop, ev, now)
	require.NoError(t, err)
	require.Equal(t, Message{
		ID: ev.ID, EventID: ev.ID, From: alice.pub, Kind: 4, Text: "espresso",
		SentAt: now.Add(-time.Minute), Dated: now.Add(-time.Minute), Via: NIP04, ReplyTo: strings.Repeat("c", 64),
	}, m)
}

// Everything that is allowed, so that no refusal below is one too many.
func TestOpen_Accepts(t *testing.T) {
	t.Parallel()
	rumor := func(change func(*nostr.Event)) func(*testing.T) *nostr.Event {
		return func(t *testing.T) *nostr.Event {
			f := aForgery()
			f.rumor = change
			return f.make(t)
		}
	}
	at := func(d time.Duration) func(*nostr.Event) {
		return func(ev *nostr.Event) { ev.CreatedAt = nostr.Timestamp(now.Add(d).Unix()) }
	}
	for name, event := range map[string]func(*testing.T) *nostr.Event{
		"file":                rumor(func(ev *nostr.Event) { ev.Kind = 15 }),
		"reaction":            rumor(func(ev *nostr.Event) { ev.Kind = 7 }),
		"deletion":            rumor(func(ev *nostr.Event) { ev.Kind = 5 }),
		"empty text":          rumor(func(ev *nostr.Event) { ev.Content = "" }),
		"group":               rumor(func(ev *nostr.Event) { ev.Tags = append(nostr.Tags{{"p", eve.pub.String()}}, ev.Tags...) }),
		"as old as allowed":   rumor(at(-MaxAge)),
		"as ahead as allowed": rumor(at(MaxSkew)),
		"rumor without id": func(t *testing.T) *nostr.Event {
			f := aForgery()
			f.claimed = func(ev *nostr.Event) { ev.ID = "" }
			return f.make(t)
		},
		"rumor with null id and unknown fields": func(t *testing.T) *nostr.Event {
			f := aForgery()
			f.rumorJSON = func(s string) string {
				_, rest, _ := strings.Cut(s, `,"pubkey"`)
				return `{"id":null,"x":{"a":[[{}]]},"sig":"","pubkey"` + rest
			}
			return f.make(t)
		},
		"old wrap and old seal": func(t *testing.T) *nostr.Event {
			f := aForgery()
			f.seal, f.wrap = at(-30*24*time.Hour), at(-30*24*time.Hour)
			return f.make(t)
		},
		"wrap with a signature that is wrong": func(t *testing.T) *nostr.Event {
			ev := aForgery().make(t)
			ev.Sig = strings.Repeat("0", 128)
			return ev
		},
		"kind 4 as old as allowed": func(t *testing.T) *nostr.Event { return aDM(t, at(-MaxAge)) },
		"kind 4 without text": func(t *testing.T) *nostr.Event {
			c, err := alice.Encrypt(t.Context(), AESCBC, shop.pub, "")
			require.NoError(t, err)
			return aDM(t, func(ev *nostr.Event) { ev.Content = c })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := Open(t.Context(), shop, event(t), now)
			require.NoError(t, err)
			require.Equal(t, alice.pub, m.From)
			require.Len(t, m.ID, 64)
		})
	}
}

func TestOpen_Refuses(t *testing.T) {
	t.Parallel()
	forged := func(change func(*forgery)) func(*testing.T) *nostr.Event {
		return func(t *testing.T) *nostr.Event {
			f := aForgery()
			change(&f)
			return f.make(t)
		}
	}
	rumor := func(change func(*nostr.Event)) func(*testing.T) *nostr.Event {
		return forged(func(f *forgery) { f.rumor = change })
	}
	kind4 := func(change func(*nostr.Event)) func(*testing.T) *nostr.Event {
		return func(t *testing.T) *nostr.Event { return aDM(t, change) }
	}
	at := func(d time.Duration) func(*nostr.Event) {
		return func(ev *nostr.Event) { ev.CreatedAt = nostr.Timestamp(now.Add(d).Unix()) }
	}
	replace := func(old, with string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, with, 1) }
	}
	nip04 := func(body, iv string) func(*nostr.Event) {
		return func(ev *nostr.Event) {
			ev.Content = base64.StdEncoding.EncodeToString([]byte(body)) + "?iv=" + base64.StdEncoding.EncodeToString([]byte(iv))
		}
	}
	block := strings.Repeat("b", 16)

	for name, tt := range map[string]struct {
		event func(*testing.T) *nostr.Event
		want  error
		says  string
	}{
		"no event":   {func(*testing.T) *nostr.Event { return nil }, ErrMalformed, "no event"},
		"other kind": {kind4(func(ev *nostr.Event) { ev.Kind = 1 }), ErrKind, "event of kind 1"},

		"wrap for another": {forged(func(f *forgery) {
			f.wrap = func(ev *nostr.Event) { ev.Tags = nostr.Tags{{"p", eve.pub.String()}} }
		}), ErrNotForUs, "kind 1059"},
		"wrap for nobody": {forged(func(f *forgery) {
			f.wrap = func(ev *nostr.Event) { ev.Tags = nil }
		}), ErrNotForUs, "kind 1059"},
		"wrap with an upper-case p tag": {forged(func(f *forgery) {
			f.wrap = func(ev *nostr.Event) { ev.Tags[0][1] = strings.ToUpper(ev.Tags[0][1]) }
		}), ErrNotForUs, "kind 1059"},
		"wrap with too many tags": {forged(func(f *forgery) {
			f.wrap = func(ev *nostr.Event) {
				for range maxTags {
					ev.Tags = append(ev.Tags, nostr.Tag{"x"})
				}
			}
		}), ErrMalformed, "1025 tags"},
		"wrap with another id": {func(t *testing.T) *nostr.Event {
			ev := aForgery().make(t)
			ev.ID = strings.Repeat("0", 64)
			return ev
		}, ErrForged, "id of the wrap"},
		"wrap with another date than was hashed": {func(t *testing.T) *nostr.Event {
			ev := aForgery().make(t)
			ev.CreatedAt++
			return ev
		}, ErrForged, "id of the wrap"},
		"wrap by an upper-case key": {func(t *testing.T) *nostr.Event {
			ev := aForgery().make(t)
			ev.PubKey = strings.ToUpper(ev.PubKey)
			ev.ID = ev.GetID()
			return ev
		}, ErrMalformed, "author"},
		"wrap by a key that injects into the hash": {func(t *testing.T) *nostr.Event {
			ev := aForgery().make(t)
			ev.PubKey = `","` + ev.PubKey[3:]
			ev.ID = ev.GetID()
			return ev
		}, ErrMalformed, "author"},
		"wrap by a key off the curve": {func(t *testing.T) *nostr.Event {
			ev := aForgery().make(t)
			ev.PubKey = strings.Repeat("f", 64)
			ev.ID = ev.GetID()
			return ev
		}, ErrUndecryptable, "curve"},
		"wrap for another key": {forged(func(f *forgery) {
			f.to = eve
			f.wrap = func(ev *nostr.Event) { ev.Tags[0][1] = shop.pub.String() }
		}), ErrUndecryptable, "wrap: "},
		"wrap larger than 1 MiB": {forged(func(f *forgery) {
			f.wrap = func(ev *nostr.Event) { ev.Content = strings.Repeat("A", nip44MaxPayload+1) }
		}), ErrMalformed, "content of"},
		"wrap with nothing in it": {forged(func(f *forgery) {
			f.wrap = func(ev *nostr.Event) { ev.Content = "" }
		}), ErrUndecryptable, "payload of 0"},

		"seal that is no JSON": {forged(func(f *forgery) {
			f.sealJSON = func(string) string { return "espresso" }
		}), ErrMalformed, "seal"},
		"seal of kind 1": {forged(func(f *forgery) {
			f.seal = func(ev *nostr.Event) { ev.Kind = 1 }
		}), ErrKind, "seal of kind 1"},
		"seal with tags": {forged(func(f *forgery) {
			f.seal = func(ev *nostr.Event) { ev.Tags = nostr.Tags{{"p", shop.pub.String()}} }
		}), ErrMalformed, "seal with 1 tags"},
		"seal by an upper-case key": {forged(func(f *forgery) {
			f.signed = func(ev *nostr.Event) { ev.PubKey = strings.ToUpper(ev.PubKey); ev.ID = ev.GetID() }
		}), ErrMalformed, "seal's author"},
		"seal by another key": {forged(func(f *forgery) {
			f.signed = func(ev *nostr.Event) { ev.PubKey = eve.pub.String(); ev.ID = ev.GetID() }
		}), ErrForged, "signature of the seal"},
		"seal with another id": {forged(func(f *forgery) {
			f.signed = func(ev *nostr.Event) { ev.ID = strings.Repeat("0", 64) }
		}), ErrForged, "id of the seal"},
		"seal without id": {forged(func(f *forgery) {
			f.signed = func(ev *nostr.Event) { ev.ID = "" }
		}), ErrForged, "id of the seal"},
		"seal with another signature": {forged(func(f *forgery) {
			f.signed = func(ev *nostr.Event) { ev.Sig = strings.Repeat("0", 127) + "1" }
		}), ErrForged, "signature of the seal"},
		"seal without signature": {forged(func(f *forgery) {
			f.signed = func(ev *nostr.Event) { ev.Sig = "" }
		}), ErrForged, "signature of the seal"},
		"seal with a longer signature": {forged(func(f *forgery) {
			f.signed = func(ev *nostr.Event) { ev.Sig += "00" }
		}), ErrForged, "signature of the seal"},
		"seal with a signature that is no hex": {forged(func(f *forgery) {
			f.signed = func(ev *nostr.Event) { ev.Sig = strings.Repeat("z", 128) }
		}), ErrForged, "signature of the seal"},
		"seal by a key off the curve": {forged(func(f *forgery) {
			f.signed = func(ev *nostr.Event) { ev.PubKey = strings.Repeat("f", 64); ev.ID = ev.GetID() }
		}), ErrForged, "signature of the seal"},
		"seal that does not decrypt": {forged(func(f *forgery) {
			f.encrypt = func(_ PubKey, s string) string { return encryptFor(t, eve, shop.pub, s) }
		}), ErrUndecryptable, "seal: "},
		"own copy": {forged(func(f *forgery) { f.from = shop }), ErrOwn, ""},

		"rumor that is no JSON": {forged(func(f *forgery) {
			f.rumorJSON = func(string) string { return "espresso" }
		}), ErrMalformed, "rumor"},
		"rumor by another author": {rumor(func(ev *nostr.Event) { ev.PubKey = eve.pub.String() }), ErrForged, "another author"},
		"rumor by ourselves":      {rumor(func(ev *nostr.Event) { ev.PubKey = shop.pub.String() }), ErrForged, "another author"},
		"rumor by an upper-case key": {rumor(func(ev *nostr.Event) {
			ev.PubKey = strings.ToUpper(ev.PubKey)
		}), ErrForged, "another author"},
		"rumor of kind 1":     {rumor(func(ev *nostr.Event) { ev.Kind = 1 }), ErrKind, "rumor of kind 1"},
		"rumor of kind 0":     {rumor(func(ev *nostr.Event) { ev.Kind = 0 }), ErrKind, "rumor of kind 0"},
		"rumor of kind 4":     {rumor(func(ev *nostr.Event) { ev.Kind = 4 }), ErrKind, "rumor of kind 4"},
		"rumor for another":   {rumor(func(ev *nostr.Event) { ev.Tags = nostr.Tags{{"p", eve.pub.String()}} }), ErrNotForUs, "rumor"},
		"rumor for nobody":    {rumor(func(ev *nostr.Event) { ev.Tags = nostr.Tags{{"p"}} }), ErrNotForUs, "rumor"},
		"rumor too old":       {rumor(at(-MaxAge - time.Second)), ErrStale, "older"},
		"rumor too far ahead": {rumor(at(MaxSkew + time.Second)), ErrStale, "ahead"},
		"rumor before all time": {rumor(func(ev *nostr.Event) {
			ev.CreatedAt = -1 << 63
		}), ErrStale, "older"},
		"rumor at the end of time": {rumor(func(ev *nostr.Event) {
			ev.CreatedAt = 1<<63 - 1
		}), ErrStale, "ahead"},
		"rumor with another id": {forged(func(f *forgery) {
			f.claimed = func(ev *nostr.Event) { ev.ID = strings.Repeat("0", 64) }
		}), ErrForged, "id of the rumor"},
		"rumor with half an id": {forged(func(f *forgery) {
			f.claimed = func(ev *nostr.Event) { ev.ID = ev.ID[:32] }
		}), ErrForged, "id of the rumor"},
		"rumor with another text than was hashed": {forged(func(f *forgery) {
			f.claimed = func(ev *nostr.Event) { ev.Content = "latte" }
		}), ErrForged, "id of the rumor"},
		"rumor with two texts": {forged(func(f *forgery) {
			f.rumorJSON = replace(`"content"`, `"content":"latte","content"`)
		}), ErrMalformed, "twice"},
		"rumor that is not UTF-8": {forged(func(f *forgery) {
			f.rumorJSON = replace("espresso", "\xff")
		}), ErrUndecryptable, "not UTF-8"},

		"kind 4 for another": {kind4(func(ev *nostr.Event) { ev.Tags[0][1] = eve.pub.String() }), ErrNotForUs, "kind 4"},
		"kind 4 of our own": {func(t *testing.T) *nostr.Event {
			ev := aDM(t, nil)
			require.NoError(t, signEvent(shop.secret, shop.pub, ev))
			return ev
		}, ErrOwn, ""},
		"kind 4 with another id": {func(t *testing.T) *nostr.Event {
			ev := aDM(t, nil)
			ev.ID = strings.Repeat("0", 64)
			return ev
		}, ErrForged, "id of the event"},
		"kind 4 with another signature": {func(t *testing.T) *nostr.Event {
			ev, other := aDM(t, nil), aDM(t, at(-time.Hour))
			ev.Sig = other.Sig
			return ev
		}, ErrForged, "signature of the event"},
		"kind 4 without signature": {func(t *testing.T) *nostr.Event {
			ev := aDM(t, nil)
			ev.Sig = ""
			return ev
		}, ErrForged, "signature of the event"},
		"kind 4 by an upper-case key": {func(t *testing.T) *nostr.Event {
			ev := aDM(t, nil)
			ev.PubKey = strings.ToUpper(ev.PubKey)
			ev.ID = ev.GetID()
			return ev
		}, ErrMalformed, "author"},
		"kind 4 too old":       {kind4(at(-MaxAge - time.Second)), ErrStale, "older"},
		"kind 4 too far ahead": {kind4(at(MaxSkew + time.Second)), ErrStale, "ahead"},
		"kind 4 larger than 1 MiB": {kind4(func(ev *nostr.Event) {
			ev.Content = strings.Repeat("A", nip44MaxPayload+1)
		}), ErrMalformed, "content of"},
		"kind 4 slightly larger than 1 MiB": {kind4(func(ev *nostr.Event) {
			ev.Content = strings.Repeat("A", nip04MaxPayload+1)
		}), ErrUndecryptable, "payload of"},
		"kind 4 without iv":        {kind4(func(ev *nostr.Event) { ev.Content = "AAAA" }), ErrUndecryptable, "no iv"},
		"kind 4 with a short iv":   {kind4(nip04(block, block[:12])), ErrUndecryptable, "iv of 16 characters"},
		"kind 4 with an iv of 18":  {kind4(nip04(block, block+"bb")), ErrUndecryptable, "iv of"},
		"kind 4 with half a block": {kind4(nip04(block[:8], block)), ErrUndecryptable, "whole blocks"},
		"kind 4 with no block":     {kind4(nip04("", block)), ErrUndecryptable, "no ciphertext"},
		"kind 4 for another key":   {kind4(nip04(strings.Repeat(block, 4), block)), ErrUndecryptable, "no text"},
		"kind 4 that is not UTF-8": {func(t *testing.T) *nostr.Event {
			c, err := alice.Encrypt(t.Context(), AESCBC, shop.pub, "latte \xff")
			require.NoError(t, err)
			return aDM(t, func(ev *nostr.Event) { ev.Content = c })
		}, ErrUndecryptable, "no text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := Open(t.Context(), shop, tt.event(t), now)
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.says)
			require.ErrorIs(t, err, ErrRefused)
			require.NotContains(t, err.Error(), "espresso")
			require.Zero(t, m)
		})
	}
}

func TestOpen_FutureIsClamped(t *testing.T) {
	t.Parallel()
	f := aForgery()
	f.rumor = func(ev *nostr.Event) { ev.CreatedAt = nostr.Timestamp(now.Add(time.Hour).Unix()) }
	m, err := Open(t.Context(), shop, f.make(t), now.Add(300*time.Millisecond))
	require.NoError(t, err)
	require.Equal(t, now, m.SentAt)
	require.Equal(t, now.Add(time.Hour), m.Dated)
}

// A refusal must not depend on which wrap came first, or on what was cached.
func TestOpen_Twice(t *testing.T) {
	t.Parallel()
	me := Nsec(shop.hex)
	_, err := me.Encrypt(t.Context(), NIP44, alice.pub, "hello")
	require.NoError(t, err)
	for range 2 {
		m, err := Open(t.Context(), me, aForgery().make(t), now)
		require.NoError(t, err)
		require.Equal(t, "espresso", m.Text)
		f := aForgery()
		f.encrypt = func(_ PubKey, s string) string { return encryptFor(t, eve, shop.pub, s) }
		_, err = Open(t.Context(), me, f.make(t), now)
		require.ErrorIs(t, err, ErrUndecryptable)
	}
}
