package dm

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nbd-wtf/go-nostr"
)

// FuzzOpen gives each of its inputs as the event, as the seal's JSON and as the
// rumor's JSON, with valid layers around it. Whatever is opened must hold what
// Open promises, judged here in other words than there.
//
// Nonces make its coverage differ from run to run, on which the engine would
// spend its time minimizing: run it with -fuzzminimizetime=10x.
func FuzzOpen(f *testing.F) {
	wrap, kind4 := aForgery().make(f), aDM(f, nil)
	f.Add([]byte(wrap.String()))
	f.Add([]byte(kind4.String()))
	for _, text := range seedLayers(f) {
		f.Add([]byte(text))
	}
	var tools struct{ Wrap, DM json.RawMessage }
	fixture(f, "nostr-tools.json", &tools)
	f.Add([]byte(tools.Wrap))
	f.Add([]byte(tools.DM))
	f.Add([]byte(`{"id":"i","pubkey":"p","created_at":1,"kind":14,"tags":[["p","x"],[]],"content":"espresso","sig":"s"}`))
	f.Add([]byte(`{"tags":[[[[[`))
	throwaway := aKey(f)

	f.Fuzz(func(t *testing.T, b []byte) {
		var ev nostr.Event
		if json.Unmarshal(b, &ev) == nil {
			open(t, &ev)
			ev.ID = ev.GetID() // a mutation rarely keeps it
			open(t, &ev)
			if signEvent(alice.secret, alice.pub, &ev) == nil { // signed garbage
				open(t, &ev)
			}
		}
		if len(b) == 0 || len(b) > MaxText {
			return
		}
		envelope := func(text string) *nostr.Event {
			ev := &nostr.Event{Kind: 1059, CreatedAt: 1, Tags: nostr.Tags{{"p", shop.pub.String()}}}
			ev.Content = encryptFor(t, throwaway, shop.pub, text)
			if err := signEvent(throwaway.secret, throwaway.pub, ev); err != nil {
				t.Fatal(err)
			}
			return ev
		}
		open(t, envelope(string(b)))
		if seal, err := decodeEvent(string(b)); err == nil {
			if err := signEvent(alice.secret, alice.pub, seal); err != nil {
				t.Fatal(err)
			}
			open(t, envelope(string(encodeEvent(seal))))
		}
		seal := &nostr.Event{Kind: 13, CreatedAt: 1, Content: encryptFor(t, alice, shop.pub, string(b))}
		if err := signEvent(alice.secret, alice.pub, seal); err != nil {
			t.Fatal(err)
		}
		open(t, envelope(string(encodeEvent(seal))))
	})
}

// seedLayers are the plain texts inside a good wrap.
func seedLayers(f *testing.F) []string {
	var texts []string
	keep := func(s string) string { texts = append(texts, s); return s }
	fo := aForgery()
	fo.rumorJSON, fo.sealJSON = keep, keep
	fo.make(f)
	fo.claimed = func(ev *nostr.Event) { ev.ID = "" }
	fo.rumor = func(ev *nostr.Event) { ev.Tags = append(ev.Tags, nostr.Tag{"e", strings.Repeat("a", 64)}) }
	fo.make(f)
	return texts
}

func open(t *testing.T, ev *nostr.Event) {
	m, err := Open(t.Context(), shop, ev, now)
	if err != nil {
		if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "panic") || strings.Contains(err.Error(), "runtime error") {
			t.Fatalf("%v", err)
		}
		if m != (Message{}) {
			t.Fatal("a message beside an error")
		}
		return
	}
	switch {
	case m.From == shop.pub || m.From.IsZero(),
		!utf8.ValidString(m.Text),
		m.SentAt.After(now) || now.Sub(m.SentAt) > MaxAge,
		m.Via == NIP04 && (m.Kind != 4 || m.ID != m.EventID),
		m.Via == NIP17 && m.Kind != 14 && m.Kind != 15 && m.Kind != 7 && m.Kind != 5,
		m.Via != NIP04 && m.Via != NIP17,
		len(m.ID) != 64 || len(m.EventID) != 64 || m.EventID != ev.GetID():
		t.Fatalf("opened %+v", m)
	}
}

func FuzzNIP44Decrypt(f *testing.F) {
	key, nonce := [32]byte{1}, [32]byte{2}
	for _, text := range []string{"a", "espresso", strings.Repeat("x", 40), strings.Repeat("x", 65536)} {
		payload, err := encryptNIP44(key, nonce, text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload, []byte(text))
	}
	f.Add("", []byte{0, 5, 'h', 'e', 'l', 'l', 'o'})
	f.Add(strings.Repeat("A", 132), append([]byte{0, 0, 0, 1, 0, 0}, make([]byte, 65536)...))
	f.Add("#", append([]byte{0, 1, 0xff}, make([]byte, 31)...))
	f.Fuzz(func(t *testing.T, payload string, padded []byte) {
		// Foreign bytes as they come, and behind a good mac.
		if text, err := decryptNIP44(key, payload); err == nil {
			roundTrip(t, key, text)
		}
		if len(padded) >= 34 {
			if text, err := decryptNIP44(key, sealPadded(key, nonce, bytes.Clone(padded))); err == nil {
				roundTrip(t, key, text)
				if !bytes.Contains(padded, []byte(text)) || !utf8.ValidString(text) {
					t.Fatalf("%q came out of %q", text, padded)
				}
			}
		}
	})
}

func roundTrip(t *testing.T, key [32]byte, text string) {
	payload, err := encryptNIP44(key, [32]byte{3}, text)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decryptNIP44(key, payload); err != nil || got != text {
		t.Fatalf("%q became %q, %v", text, got, err)
	}
}

func FuzzNIP04Decrypt(f *testing.F) {
	key := [32]byte{1}
	for _, text := range []string{"", "espresso", strings.Repeat("x", 40)} {
		payload, err := encryptNIP04(key, [16]byte{2}, text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Add("AAAA?iv=AAAA")
	f.Add("AAAAAAAAAAAAAAAAAAAAAA==?iv=AAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("?iv=?iv=")
	f.Fuzz(func(t *testing.T, payload string) {
		text, err := decryptNIP04(key, payload)
		switch {
		case err != nil && text != "":
			t.Fatal("text beside an error")
		case err != nil && !errors.Is(err, ErrRefused):
			t.Fatal(err)
		case err == nil && !utf8.ValidString(text):
			t.Fatalf("%q", text)
		}
	})
}

func FuzzParsePubKey(f *testing.F) {
	f.Add(alice.pub.String())
	f.Add(alice.pub.Npub())
	f.Add(" " + strings.ToUpper(alice.pub.String()))
	f.Add("npub1")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePubKey(s)
		if err != nil {
			if !p.IsZero() {
				t.Fatal("a key beside an error")
			}
			return
		}
		for _, again := range []string{p.String(), p.Npub()} {
			if q, err := ParsePubKey(again); err != nil || q != p {
				t.Fatalf("%q became %v, then %v, %v", s, p, q, err)
			}
		}
	})
}
