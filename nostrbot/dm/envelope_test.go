package dm

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip13"
	"github.com/stretchr/testify/require"
)

// openLayers returns the wrap and the seal.
func openLayers(t *testing.T, event []byte) (wrap, seal *nostr.Event) {
	t.Helper()
	wrap = parse(t, event)
	throwaway, _ := lowerHex(wrap.PubKey)
	text, err := alice.Decrypt(t.Context(), NIP44, throwaway, wrap.Content)
	require.NoError(t, err)
	seal, err = decodeEvent(text)
	require.NoError(t, err)
	return wrap, seal
}

func TestExpires(t *testing.T) {
	t.Parallel()
	at := now.Add(time.Hour)
	tag := nostr.Tag{"expiration", strconv.FormatInt(at.Unix(), 10)}
	s, err := Seal(t.Context(), shop, aDraft(NIP17), Expires(at))
	require.NoError(t, err)
	wrap, seal := openLayers(t, s.Event)
	require.Equal(t, nostr.Tags{{"p", alice.pub.String()}, tag}, wrap.Tags)
	require.Equal(t, nostr.Tags{tag}, seal.Tags)
	require.NotContains(t, string(s.Rumor), "expiration")
	m, err := Open(t.Context(), alice, wrap, now)
	require.NoError(t, err)
	require.Equal(t, s.ID, m.ID)

	s, err = Seal(t.Context(), shop, aDraft(NIP04), Expires(at))
	require.NoError(t, err)
	require.Equal(t, tag, parse(t, s.Event).Tags[2])
}

func TestWork(t *testing.T) {
	t.Parallel()
	const bits = 9
	for _, via := range []Protocol{NIP17, NIP04} {
		s, err := Seal(t.Context(), shop, aDraft(via), Work(bits))
		require.NoError(t, err)
		ev := parse(t, s.Event)
		require.NoError(t, nip13.Check(ev.ID, bits))
		require.Equal(t, bits, nip13.CommittedDifficulty(ev), "the target is committed to")
		_, err = Open(t.Context(), alice, ev, now)
		require.NoError(t, err, "id and signature are right")
	}
	s, err := Seal(t.Context(), shop, aDraft(NIP17))
	require.NoError(t, err)
	again, err := Wrap(t.Context(), shop, alice.pub, s.Rumor, now, Work(bits), Recent(), Expires(now))
	require.NoError(t, err)
	ev := parse(t, again)
	require.NoError(t, nip13.Check(ev.ID, bits))
	m, err := Open(t.Context(), alice, ev, now)
	require.NoError(t, err)
	require.Equal(t, s.ID, m.ID, "the same message")
}

func TestWork_IsBounded(t *testing.T) {
	t.Parallel()
	_, err := Seal(t.Context(), shop, aDraft(NIP17), Work(MaxWork+1))
	require.ErrorIs(t, err, ErrDraft)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = Seal(ctx, shop, aDraft(NIP04), Work(MaxWork))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestIncrement(t *testing.T) {
	t.Parallel()
	digits := []byte("0999")
	increment(digits)
	require.Equal(t, "1000", string(digits))
	for i := range 50 {
		require.Equal(t, fmt.Sprint(1000+i), string(digits))
		increment(digits)
	}
}

func TestRecent(t *testing.T) {
	t.Parallel()
	s, err := Seal(t.Context(), shop, aDraft(NIP17))
	require.NoError(t, err)
	for range 20 {
		event, err := Wrap(t.Context(), shop, alice.pub, s.Rumor, now, Recent())
		require.NoError(t, err)
		at := parse(t, event).CreatedAt.Time()
		require.False(t, at.After(now))
		require.LessOrEqual(t, now.Sub(at), 30*time.Second)
	}
}

func TestNonce(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, nonce := range []string{"", "a", "b"} {
		d := aDraft(NIP17)
		d.Nonce = nonce
		for range 2 {
			s, err := Seal(t.Context(), shop, d)
			require.NoError(t, err)
			ids[s.ID] = true
		}
	}
	require.Len(t, ids, 3)
}
