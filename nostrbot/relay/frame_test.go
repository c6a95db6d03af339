package relay

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseFrame(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 64)
	for in, want := range map[string]frame{
		`["OK","` + id + `",true,"x"]`:                  {label: "OK", id: id, ok: true, text: "x"},
		`["OK","` + id + `",false]`:                     {label: "OK", id: id},
		` ["EOSE" , "s" , {"more":[1]} ] `:              {label: "EOSE", sub: "s"},
		`["CLOSED","s"]`:                                {label: "CLOSED", sub: "s"},
		`["CLOSED","s","error: \ud800 x"]`:              {label: "CLOSED", sub: "s", text: "error: \ufffd x"},
		`["NOTICE","n"]`:                                {label: "NOTICE", text: "n"},
		`["AUTH","c"]`:                                  {label: "AUTH", text: "c"},
		`["COUNT","s",{}]`:                              {label: "COUNT"},
		`["NOTICE","` + strings.Repeat("é", 600) + `"]`: {label: "NOTICE", text: strings.Repeat("é", 256)},
	} {
		got, err := parseFrame([]byte(in))
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	ev := nostr.Event{Kind: 1, Content: "a\u2028b", Tags: nostr.Tags{{"p"}, {}}}
	require.NoError(t, ev.Sign(nostr.GeneratePrivateKey()))
	b, err := ev.MarshalJSON()
	require.NoError(t, err)
	got, err := parseFrame([]byte(`["EVENT","s",` + strings.Replace(string(b), "{", `{"seen_on":[1],`, 1) + `]`))
	require.NoError(t, err)
	require.Equal(t, &ev, got.event)
	require.True(t, got.event.CheckID())
	for _, bad := range []string{`"kind":65536`, `"kind":-1`, `"created_at":-1`, `"created_at":1.5`, `"created_at":"1"`, `"tags":[1]`, `"pubkey":"\"` + id[:63] + `"`, `"sig":null`} {
		field, _, _ := strings.Cut(bad, ":")
		var parts map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(b, &parts))
		delete(parts, strings.Trim(field, `"`))
		rest, err := json.Marshal(parts)
		require.NoError(t, err)
		_, err = parseFrame([]byte(`["EVENT","s",{` + bad + `,` + string(rest[1:]) + `]`))
		require.ErrorIs(t, err, errFrame, bad)
	}
}

// FuzzFrame: whatever a relay sends, there is no panic, and what is taken for
// an event can be hashed, checked and matched.
func FuzzFrame(f *testing.F) {
	ev := nostr.Event{Kind: 1059, Content: "x", Tags: nostr.Tags{{"p", "q"}, {}}}
	require.NoError(f, ev.Sign(nostr.GeneratePrivateKey()))
	b, err := json.Marshal([]any{"EVENT", "s", ev})
	require.NoError(f, err)
	f.Add(b)
	for _, seed := range []string{
		`["OK","` + ev.ID + `",false,"pow: 20"]`, `["EOSE","s"]`, `["CLOSED","s","error: x"]`, `["AUTH","c"]`,
		`["NOTICE","n"]`, `["EVENT","1`, `["EVENT","1:",{"id":"abc"}]`,
	} {
		f.Add([]byte(seed))
	}
	filters := nostr.Filters{{Tags: nostr.TagMap{"p": {"q"}}}, {Kinds: []int{1}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		fr, err := parseFrame(data)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(fr.sub), maxSubID)
		require.LessOrEqual(t, len(fr.text), maxChallenge)
		require.True(t, utf8.ValidString(fr.text))
		require.Equal(t, fr.label == "EVENT", fr.event != nil)
		v := Verdict{Status: statusOf(fr.ok, fr.text), Reason: fr.text}
		require.LessOrEqual(t, v.Difficulty(), 256)
		v.DateRefused()
		if fr.event != nil {
			fr.event.CheckID()
			filters.Match(fr.event)
			_, _ = fr.event.CheckSignature()
		}
	})
}

func TestBackoffBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		low := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "min"))
		timing := Timing{BackoffMin: low, BackoffMax: low + time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "more"))}
		attempt := rapid.IntRange(0, 1000).Draw(t, "attempt")
		wait := timing.backoff(attempt)
		require.GreaterOrEqual(t, wait, low/2)
		require.LessOrEqual(t, wait, timing.BackoffMax)
		if attempt == 0 {
			require.LessOrEqual(t, wait, low)
		}
	})
}

// The queue never holds more than its bounds, and gives back what it took.
func TestQueueBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue()
		var in []*nostr.Event
		bytes := []int{}
		for range rapid.IntRange(0, 500).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "pop") == 0 {
				d, ok := q.take()
				require.Equal(t, len(in) > 0, ok)
				if ok {
					require.Same(t, in[0], d.Event)
					in, bytes = in[1:], bytes[1:]
				}
				continue
			}
			ev, size := new(nostr.Event), rapid.SampledFrom([]int{1, 1000, 30_000, 512 << 10}).Draw(t, "size")
			if q.push(Delivery{Event: ev}, size) {
				in, bytes = append(in, ev), append(bytes, size)
			}
			sum := 0
			for _, n := range bytes {
				sum += n
			}
			require.LessOrEqual(t, len(in), queueEvents)
			require.LessOrEqual(t, sum, queueBytes)
			require.Equal(t, len(in) <= queueEvents/2 && sum <= queueBytes/2, q.hasRoom())
		}
	})
}
