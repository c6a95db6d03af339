package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/nostrbot"
)

var drawTime = rapid.Custom(func(t *rapid.T) time.Time {
	return fromMicro(rapid.Int64Range(-62135596800e6, 253402300799e6).Draw(t, "µs"))
})

var drawID = rapid.OneOf(rapid.StringMatching(`[0-9a-f]{64}`), rapid.StringMatching(`[0-9A-F]{64}`), rapid.String(),
	rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))

func TestCodec(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := drawID.Draw(t, "id")
		got, err := unpackID(packID(id))
		require.NoError(t, err)
		require.Equal(t, id, got)

		p := nostrbot.Parcel{
			ID: id, To: nostrbot.PubKey{1}, Via: nostrbot.Protocol(rapid.String().Draw(t, "via")),
			State:    rapid.SampledFrom([]nostrbot.ParcelState{nostrbot.ParcelPending, nostrbot.ParcelSent, nostrbot.ParcelGivenUp}).Draw(t, "state"),
			Attempts: rapid.IntMin(0).Draw(t, "attempts"), DueAt: drawTime.Draw(t, "due"), CreatedAt: drawTime.Draw(t, "created"),
			For: drawID.Draw(t, "for"),
		}
		p.Event = append(p.Event, rapid.SliceOf(rapid.Byte()).Draw(t, "event")...)
		p.Rumor = append(p.Rumor, rapid.SliceOf(rapid.Byte()).Draw(t, "rumor")...)
		p.Relays = append(p.Relays, rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "relays")...)
		for range rapid.IntRange(0, 3).Draw(t, "receipts") {
			p.Receipts = append(p.Receipts, nostrbot.Receipt{Relay: rapid.String().Draw(t, "relay"), At: drawTime.Draw(t, "at")})
		}
		back, err := unpackParcel(p.To, packID(id), string(packMoving(p)), string(packFixed(p)), string(p.Rumor))
		require.NoError(t, err)
		require.Equal(t, p, back)

		r := nostrbot.Run{Key: "r1", WakeAt: drawTime.Draw(t, "wake")}
		copy(r.Customer[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "customer"))
		if rapid.Bool().Draw(t, "never") {
			r.WakeAt = time.Time{}
		}
		value, wake := packRun(r, p.CreatedAt)
		require.Equal(t, r.WakeAt.IsZero(), wake == "")
		run, put, err := unpackRun("r1", value)
		require.NoError(t, err)
		require.Equal(t, r, run)
		require.Equal(t, p.CreatedAt, put)
	})
}

// Ids that are events' take half the room.
func TestPackID(t *testing.T) {
	t.Parallel()
	require.Len(t, packID(strings.Repeat("ab", 32)), 33)
	require.Len(t, packID(strings.Repeat("AB", 32)), 65)
}

// Whatever is in Redis, reading it ends in a value or an error.
func FuzzUnpack(f *testing.F) {
	p := nostrbot.Parcel{ID: "a", Via: nostrbot.NIP17, State: nostrbot.ParcelSent, Relays: []string{"wss://one.example"}, For: "m1",
		Event: []byte("{}"), Receipts: []nostrbot.Receipt{{Relay: "wss://one.example"}}}
	value, _ := packRun(nostrbot.Run{}, time.Time{})
	f.Add(packID("a"), string(packMoving(p)), string(packFixed(p)), "1 {}", value)
	f.Add("#", "s\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "1 99999999999 ", "", strings.Repeat(" ", 40))
	f.Fuzz(func(t *testing.T, id, moving, fixed, session, run string) {
		p, err := unpackParcel(nostrbot.PubKey{}, id, moving, fixed, "")
		if err == nil && p.ID == "" && id != "=" {
			t.Errorf("id %q became nothing", id)
		}
		_, _, _ = unpackRun("r", run)
		_, _ = readConversation([]any{"1", session, moving}, time.Time{}, []string{"a"})
	})
}
