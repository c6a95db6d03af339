package eventjson

import (
	"strings"
	"testing"

	"github.com/nbd-wtf/go-nostr"
)

func BenchmarkEvent(b *testing.B) {
	ev := nostr.Event{
		PubKey: strings.Repeat("a", 64), Kind: 1059, Content: strings.Repeat("x", 3000),
		Tags: nostr.Tags{{"p", strings.Repeat("a", 64)}}, Sig: strings.Repeat("b", 128),
	}
	ev.ID = ev.GetID()
	data := Encode(&ev)
	for name, f := range map[string]func(){
		"id":             func() { CheckID(&ev) },
		"id of go-nostr": func() { ev.CheckID() },
		"encode":         func() { Encode(&ev) },
		"decode":         func() { Decode(data) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
