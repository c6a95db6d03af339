package nostrbot

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func aRecord(t testing.TB) *record {
	t.Helper()
	r := &record{Via: NIP17, Relays: []string{"wss://relay.example"}, Known: true, LastReply: 1_763_712_000}
	for i := range keepRecent {
		at := time.Unix(1_763_712_000+int64(i)*60, 0)
		require.False(t, r.note(letter{text: string(rune('a' + i)), sentAt: at, via: []Protocol{NIP17, NIP04}[i%2]}))
	}
	r.Sessions = map[string]json.RawMessage{"cart": json.RawMessage(`{"count":1}`)}
	return r
}

func TestRecord_SurvivesTheStore(t *testing.T) {
	t.Parallel()
	want := aRecord(t)
	state, err := json.Marshal(want)
	require.NoError(t, err)
	got, err := readRecord(state)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, bad := range []string{`""`, `"d"`, `"d 1"`, `"d x nip17"`, `"d 1.5 nip17"`, `{}`} {
		_, err := readRecord([]byte(`{"recent":[` + bad + `]}`))
		require.Error(t, err, bad)
	}
}

func BenchmarkRecord(b *testing.B) {
	state, err := json.Marshal(aRecord(b))
	require.NoError(b, err)
	b.ReportMetric(float64(len(state)), "bytes")
	b.ReportAllocs()
	for b.Loop() {
		r, err := readRecord(state)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(r); err != nil {
			b.Fatal(err)
		}
	}
}
