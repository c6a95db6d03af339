package dm

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
)

func aDraft(via Protocol) Draft {
	return Draft{To: alice.pub, Text: "your espresso\n\"is\" ready ☕", Via: via, At: now.Add(123 * time.Millisecond), ReplyTo: strings.Repeat("d", 64)}
}

func TestSeal_RoundTrip(t *testing.T) {
	t.Parallel()
	for _, via := range []Protocol{NIP17, NIP04} {
		for _, reply := range []string{"", strings.Repeat("d", 64)} {
			d := aDraft(via)
			d.ReplyTo = reply
			s, err := Seal(t.Context(), shop, d)
			require.NoError(t, err)
			ev := parse(t, s.Event)
			m, err := Open(t.Context(), alice, ev, now)
			require.NoError(t, err)
			require.Equal(t, Message{
				ID: s.ID, EventID: ev.ID, From: shop.pub, Kind: map[Protocol]int{NIP17: 14, NIP04: 4}[via],
				Text: d.Text, SentAt: now, Dated: now, Via: via, ReplyTo: reply,
			}, m)
			require.Equal(t, via, s.Via)
			require.True(t, ev.CheckID())
			ok, err := ev.CheckSignature()
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, string(encodeEvent(ev)), string(s.Event), "compact")
			require.Equal(t, nostr.Tag{"p", alice.pub.String()}, ev.Tags[0])
		}
	}
}

func TestSeal_NIP17Layers(t *testing.T) {
	t.Parallel()
	s, err := Seal(t.Context(), shop, aDraft(NIP17))
	require.NoError(t, err)
	wrap := parse(t, s.Event)
	require.Equal(t, 1059, wrap.Kind)
	require.Equal(t, nostr.Tags{{"p", alice.pub.String()}}, wrap.Tags, "a wrap tells no more")
	require.NotEqual(t, shop.pub.String(), wrap.PubKey)

	throwaway, ok := lowerHex(wrap.PubKey)
	require.True(t, ok)
	text, err := alice.Decrypt(t.Context(), NIP44, throwaway, wrap.Content)
	require.NoError(t, err)
	seal, err := decodeEvent(text)
	require.NoError(t, err)
	require.Equal(t, 13, seal.Kind)
	require.Empty(t, seal.Tags)
	require.Equal(t, shop.pub.String(), seal.PubKey)
	require.True(t, seal.CheckID())
	require.True(t, checkSignature(seal, shop.pub))

	text, err = alice.Decrypt(t.Context(), NIP44, shop.pub, seal.Content)
	require.NoError(t, err)
	require.Equal(t, string(s.Rumor), text, "byte for byte")
	rumor, err := decodeEvent(text)
	require.NoError(t, err)
	require.Equal(t, &nostr.Event{
		ID: s.ID, PubKey: shop.pub.String(), CreatedAt: nostr.Timestamp(now.Unix()), Kind: 14,
		Tags:    nostr.Tags{{"p", alice.pub.String()}, {"e", strings.Repeat("d", 64)}},
		Content: aDraft(NIP17).Text,
	}, rumor)
	require.NotContains(t, text, `"sig"`)
}

func TestSeal_NIP04HasNoRumor(t *testing.T) {
	t.Parallel()
	s, err := Seal(t.Context(), shop, aDraft(NIP04))
	require.NoError(t, err)
	require.Nil(t, s.Rumor)
	ev := parse(t, s.Event)
	require.Equal(t, s.ID, ev.ID)
	require.Equal(t, nostr.Timestamp(now.Unix()), ev.CreatedAt)
	require.Equal(t, nostr.Tags{{"p", alice.pub.String()}, {"e", strings.Repeat("d", 64)}}, ev.Tags)
}

func TestWrap_SameMessageNewEnvelope(t *testing.T) {
	t.Parallel()
	s, err := Seal(t.Context(), shop, aDraft(NIP17))
	require.NoError(t, err)
	later := now.Add(72 * time.Hour)
	event, err := Wrap(t.Context(), shop, alice.pub, s.Rumor, later)
	require.NoError(t, err)
	old, ev := parse(t, s.Event), parse(t, event)
	require.NotEqual(t, old.ID, ev.ID)
	require.NotEqual(t, old.PubKey, ev.PubKey)
	require.Greater(t, ev.CreatedAt, nostr.Timestamp(later.Add(-48*time.Hour).Unix()))
	first, err := Open(t.Context(), alice, old, later)
	require.NoError(t, err)
	second, err := Open(t.Context(), alice, ev, later)
	require.NoError(t, err)
	require.NotEqual(t, first.EventID, second.EventID)
	second.EventID = first.EventID
	require.Equal(t, first, second)
}

func TestWrap_Refuses(t *testing.T) {
	t.Parallel()
	s, err := Seal(t.Context(), shop, aDraft(NIP17))
	require.NoError(t, err)
	kind1 := []byte(strings.Replace(string(s.Rumor), `"kind":14`, `"kind":1`, 1))
	for says, call := range map[string]func() ([]byte, error){
		"no event":       func() ([]byte, error) { return Wrap(t.Context(), shop, alice.pub, nil, now) },
		"another author": func() ([]byte, error) { return Wrap(t.Context(), eve, alice.pub, s.Rumor, now) },
		"201025 bytes":   func() ([]byte, error) { return Wrap(t.Context(), shop, alice.pub, make([]byte, maxRumor+1), now) },
		"kind 1":         func() ([]byte, error) { return Wrap(t.Context(), shop, alice.pub, kind1, now) },
		"missing":        func() ([]byte, error) { return Wrap(t.Context(), shop, PubKey{}, s.Rumor, now) },
	} {
		event, err := call()
		require.ErrorIs(t, err, ErrDraft)
		require.ErrorContains(t, err, says)
		require.Nil(t, event)
	}
}

func TestSeal_Refuses(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(*Draft){
		"set To":           func(d *Draft) { d.To = PubKey{} },
		"set Via":          func(d *Draft) { d.Via = "" },
		`not "sms"`:        func(d *Draft) { d.Via = "sms" },
		"set At":           func(d *Draft) { d.At = time.Time{} },
		"empty":            func(d *Draft) { d.Text = "" },
		"200001 bytes":     func(d *Draft) { d.Text = strings.Repeat("x", MaxText+1) },
		"200002 bytes":     func(d *Draft) { d.Text = strings.Repeat("\n", MaxText/2+1) },
		"200004 bytes":     func(d *Draft) { d.Text = strings.Repeat("€", 66_665) + "123456789" },
		"not UTF-8":        func(d *Draft) { d.Text = "espresso \xff" },
		"set ReplyTo":      func(d *Draft) { d.ReplyTo = "wrong" },
		"set ReplyTo to a": func(d *Draft) { d.ReplyTo = strings.Repeat("D", 64) },
	} {
		for _, via := range []Protocol{NIP17, NIP04} {
			d := aDraft(via)
			change(&d)
			s, err := Seal(t.Context(), shop, d)
			require.ErrorIs(t, err, ErrDraft)
			require.ErrorContains(t, err, says)
			require.NotContains(t, err.Error(), "espresso")
			require.Zero(t, s)
		}
	}
}

func TestSeal_RecipientOffTheCurve(t *testing.T) {
	t.Parallel()
	for _, via := range []Protocol{NIP17, NIP04} {
		d := aDraft(via)
		d.To = PubKey{0xff}
		for i := range d.To {
			d.To[i] = 0xff
		}
		_, err := Seal(t.Context(), shop, d)
		require.ErrorIs(t, err, ErrPubKey)
	}
}

// SafeText is worth something only if relays and older readers take the event,
// MaxText only if our own pool does.
func TestSeal_LongestFitsRelays(t *testing.T) {
	t.Parallel()
	for text, event := range map[int]int{SafeText: 64 << 10, MaxText: 512 << 10} {
		for _, via := range []Protocol{NIP17, NIP04} {
			for _, text := range []string{
				strings.Repeat("x", text), strings.Repeat("\n", text/2),
				strings.Repeat("\x01", text/6), strings.Repeat("😀", text/4),
			} {
				d := aDraft(via)
				d.Text, d.Nonce = text, strings.Repeat("f", 16)
				s, err := Seal(t.Context(), shop, d, Expires(now), Work(1))
				require.NoError(t, err)
				require.Less(t, len(s.Event)+100, event, "with a frame around it")
				require.LessOrEqual(t, len(s.Rumor), maxRumor)
				require.LessOrEqual(t, TextSize(text), MaxText)
				m, err := Open(t.Context(), alice, parse(t, s.Event), now)
				require.NoError(t, err)
				require.Equal(t, text, m.Text)
			}
		}
	}
}

func TestPastDate(t *testing.T) {
	t.Parallel()
	inbox := Inbox(alice.pub, now)[0]
	var dates []nostr.Timestamp
	for range 2000 {
		at := pastDate(now, backdate)
		require.LessOrEqual(t, at, nostr.Timestamp(now.Unix()))
		require.GreaterOrEqual(t, at, nostr.Timestamp(now.Add(-47*time.Hour).Unix()))
		require.Greater(t, at, *inbox.Since)
		dates = append(dates, at)
	}
	// Spread out, and not the same twice: a fixed date would tell which are ours.
	require.Less(t, slices.Min(dates), nostr.Timestamp(now.Add(-44*time.Hour).Unix()))
	require.Greater(t, slices.Max(dates), nostr.Timestamp(now.Add(-3*time.Hour).Unix()))
	slices.Sort(dates)
	require.Greater(t, len(slices.Compact(dates)), 1900)
}

func TestSeal_DatesAreIndependent(t *testing.T) {
	t.Parallel()
	s, err := Seal(t.Context(), shop, aDraft(NIP17))
	require.NoError(t, err)
	seals, wraps := map[nostr.Timestamp]int{}, map[nostr.Timestamp]int{}
	for i := range 8 { // two of them are equal by chance once in 6,000 runs, three hardly ever
		event, err := Wrap(t.Context(), shop, alice.pub, s.Rumor, now)
		require.NoError(t, err)
		wrap := parse(t, event)
		throwaway, _ := lowerHex(wrap.PubKey)
		text, err := alice.Decrypt(t.Context(), NIP44, throwaway, wrap.Content)
		require.NoError(t, err)
		seal, err := decodeEvent(text)
		require.NoError(t, err)
		seals[seal.CreatedAt], wraps[wrap.CreatedAt] = i, i
	}
	require.Greater(t, len(seals), 6)
	require.Greater(t, len(wraps), 6)
	maps.DeleteFunc(seals, func(at nostr.Timestamp, i int) bool { j, ok := wraps[at]; return !ok || i != j })
	require.Less(t, len(seals), 2, "a seal is dated like its wrap")
}

func TestSeal_SignerFails(t *testing.T) {
	t.Parallel()
	gone := errors.New("bunker is gone")
	for _, via := range []Protocol{NIP17, NIP04} {
		for name, tt := range map[string]struct {
			s    Signer
			says string
		}{
			"encrypt":     {faulty{Signer: shop, encrypt: gone}, gone.Error()},
			"sign":        {faulty{Signer: shop, sign: func(*nostr.Event) error { return gone }}, gone.Error()},
			"another key": {faulty{Signer: shop, sign: func(ev *nostr.Event) error { return eve.Sign(t.Context(), ev) }}, "another key"},
			"changes it": {faulty{Signer: shop, sign: func(ev *nostr.Event) error {
				err := shop.Sign(t.Context(), ev)
				ev.CreatedAt++
				return err
			}}, "changed the event"},
		} {
			s, err := Seal(t.Context(), tt.s, aDraft(via))
			require.ErrorContains(t, err, tt.says, name)
			require.NotErrorIs(t, err, ErrDraft, "it may be sent later")
			require.Zero(t, s)
		}
	}
}

func TestInbox(t *testing.T) {
	t.Parallel()
	filters := Inbox(shop.pub, now)
	since := func(d time.Duration) *nostr.Timestamp { return new(nostr.Timestamp(now.Add(-d).Unix())) }
	require.Equal(t, []nostr.Filter{
		{Kinds: []int{1059}, Tags: nostr.TagMap{"p": {shop.pub.String()}}, Since: since(48*time.Hour + 15*time.Minute)},
		{Kinds: []int{4}, Tags: nostr.TagMap{"p": {shop.pub.String()}}, Since: since(48 * time.Hour)},
	}, filters)
	require.True(t, filters[0].Matches(aForgery().make(t)))
	require.True(t, filters[1].Matches(aDM(t, nil)))
	again := Inbox(shop.pub, now.Add(time.Hour))
	require.Equal(t, *filters[0].Since+3600, *again[0].Since)
	require.Equal(t, *since(48 * time.Hour), *filters[1].Since, "nothing is shared")
}
