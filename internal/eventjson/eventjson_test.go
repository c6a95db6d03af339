package eventjson

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const goodJSON = `{"id":"i","pubkey":"p","created_at":1,"kind":14,"tags":[["p","x"],[]],"content":"espresso","sig":"s"}`

func TestDecode(t *testing.T) {
	t.Parallel()
	want := &nostr.Event{ID: "i", PubKey: "p", CreatedAt: 1, Kind: 14, Tags: nostr.Tags{{"p", "x"}, {}}, Content: "espresso", Sig: "s"}
	for _, text := range []string{
		goodJSON, " " + goodJSON + "\n",
		strings.Replace(goodJSON, "{", `{"extra":{"content":"latte","n":[1,null,true,"\""]},`, 1),
		strings.Replace(goodJSON, "espresso", `\u0065spress\u006f`, 1),
		strings.Replace(goodJSON, `"content"`, `"\u0063ontent"`, 1),
		strings.Replace(goodJSON, `"id"`, `"id":null,"id"`, 1),
	} {
		ev, err := Decode([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, ev)
	}
}

func TestDecode_Refuses(t *testing.T) {
	t.Parallel()
	swap := func(old, with string) string { return strings.Replace(goodJSON, old, with, 1) }
	many := func(n int, s string) string { return "[" + strings.TrimSuffix(strings.Repeat(s+",", n), ",") + "]" }
	for name, text := range map[string]string{
		"empty":                  "",
		"null":                   "null",
		"array":                  "[" + goodJSON + "]",
		"string":                 `"espresso"`,
		"cut short":              goodJSON[:len(goodJSON)-1],
		"more behind":            goodJSON + "{}",
		"no comma":               swap(`,"kind"`, `"kind"`),
		"not UTF-8":              swap("espresso", "\xc3\x28"),
		"no content":             swap(`"content":"espresso",`, ""),
		"null content":           swap(`"espresso"`, "null"),
		"number content":         swap(`"espresso"`, "7"),
		"object content":         swap(`"espresso"`, "{}"),
		"other case":             swap(`"content"`, `"Content"`),
		"content twice":          swap(`"content"`, `"content":"latte","content"`),
		"content twice, escaped": swap(`"content"`, `"\u0063ontent":"latte","content"`),
		"pubkey twice":           swap(`"pubkey"`, `"pubkey":"q","pubkey"`),
		"tags twice":             swap(`"tags"`, `"tags":[],"tags"`),
		"no pubkey":              swap(`"pubkey":"p",`, ""),
		"number pubkey":          swap(`"pubkey":"p"`, `"pubkey":1`),
		"no date":                swap(`"created_at":1,`, ""),
		"date as text":           swap(`"created_at":1`, `"created_at":"1"`),
		"date with a point":      swap(`"created_at":1`, `"created_at":1.5`),
		"date with exponent":     swap(`"created_at":1`, `"created_at":1e9`),
		"date too large":         swap(`"created_at":1`, `"created_at":9223372036854775808`),
		"no kind":                swap(`"kind":14,`, ""),
		"negative kind":          swap(`"kind":14`, `"kind":-1`),
		"kind too large":         swap(`"kind":14`, `"kind":65536`),
		"kind wraps to 14":       swap(`"kind":14`, `"kind":4294967310`),
		"no tags":                swap(`"tags":[["p","x"],[]],`, ""),
		"null tags":              swap(`[["p","x"],[]]`, "null"),
		"tags as object":         swap(`[["p","x"],[]]`, `{"p":"x"}`),
		"tag as string":          swap(`[["p","x"],[]]`, `["p"]`),
		"null tag":               swap(`[["p","x"],[]]`, `[null]`),
		"number in tag":          swap(`[["p","x"],[]]`, `[["p",1]]`),
		"null in tag":            swap(`[["p","x"],[]]`, `[["p",null]]`),
		"nested tag":             swap(`[["p","x"],[]]`, `[["p",["x"]]]`),
		"too many tags":          swap(`[["p","x"],[]]`, many(MaxTags+1, `[]`)),
		"too long a tag":         swap(`[["p","x"],[]]`, "["+many(maxTagItems+1, `""`)+"]"),
		"id as number":           swap(`"id":"i"`, `"id":1`),
		"deep":                   swap(`{`, `{"x":`+strings.Repeat("[", 100_000)),
		"bad escape":             swap("espresso", `\x`),
		"open string":            swap(`espresso",`, `espresso`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ev, err := Decode([]byte(text))
			require.ErrorIs(t, err, errMalformed)
			require.Nil(t, ev)
			require.NotContains(t, err.Error(), "espresso")
		})
	}
	_, err := Decode([]byte(swap(`[["p","x"],[]]`, many(MaxTags, many(maxTagItems, `""`)))))
	require.NoError(t, err, "as many as allowed")
}

// The bytes we send say the same to us, to go-nostr and to encoding/json, and
// have the id that NIP-01 gives them.
func TestEncode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("\x00\x01\b\t\n\v\f\r\x1f \"\\/<>&\x7f\u2028é😀�"))))
		ev := nostr.Event{
			PubKey:    strings.Repeat("a", 64),
			CreatedAt: nostr.Timestamp(rapid.Int64().Draw(t, "created_at")),
			Kind:      rapid.IntRange(0, maxKind).Draw(t, "kind"),
			Tags:      nostr.Tags{},
			Content:   text.Draw(t, "content"),
			Sig:       rapid.SampledFrom([]string{"", strings.Repeat("b", 128)}).Draw(t, "sig"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "tags") {
			ev.Tags = append(ev.Tags, append(nostr.Tag{}, rapid.SliceOfN(text, 0, 3).Draw(t, "tag")...))
		}
		id := ID(&ev)
		ev.ID = ev.GetID()
		if hex.EncodeToString(id[:]) != ev.ID || !CheckID(&ev) {
			t.Fatalf("id %x, go-nostr says %s", id, ev.ID)
		}
		other := ev
		other.Content += "."
		if CheckID(&other) {
			t.Fatal("another event with this id")
		}

		b := Encode(&ev)
		ours, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		var theirs nostr.Event
		if err := theirs.UnmarshalJSON(b); err != nil {
			t.Fatal(err)
		}
		var plain struct{ Content string }
		if err := json.Unmarshal(b, &plain); err != nil || plain.Content != ev.Content {
			t.Fatalf("encoding/json reads it otherwise: %v", err)
		}
		want := fmt.Sprintf("%#v", ev)
		if fmt.Sprintf("%#v", *ours) != want || fmt.Sprintf("%#v", theirs) != want || !ours.CheckID() || !theirs.CheckID() {
			t.Fatalf("%s\nis read as\n%#v\n%#v", b, ours, theirs)
		}
		if s := appendString(nil, ev.Content); len(s) != TextSize(ev.Content)+2 {
			t.Fatalf("TextSize says %d of %s", TextSize(ev.Content), s)
		}
	})
}
