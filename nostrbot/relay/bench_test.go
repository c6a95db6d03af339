package relay

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
)

func aWrap(b *testing.B) []byte {
	b.Helper()
	ev := nostr.Event{Kind: 1059, Content: strings.Repeat("x", 3000), Tags: nostr.Tags{{"p", strings.Repeat("a", 64)}}}
	require.NoError(b, ev.Sign(nostr.GeneratePrivateKey()))
	raw, err := json.Marshal(ev)
	require.NoError(b, err)
	return raw
}

func BenchmarkParseFrame(b *testing.B) {
	frame := []byte(`["EVENT","sub",` + string(aWrap(b)) + `]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseFrame(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEventID(b *testing.B) {
	event := aWrap(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := eventID(event); err != nil {
			b.Fatal(err)
		}
	}
}
