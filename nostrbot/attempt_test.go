package nostrbot

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestAttempt_RaisesWorkUntilItIsTooMuch(t *testing.T) {
	t.Parallel()
	const url = "wss://a"
	vague := relay.Verdict{Status: relay.Pow, Reason: "pow: work harder"}
	exact := relay.Verdict{Status: relay.Pow, Reason: "pow: difficulty 3 is less than 18"}
	for _, tt := range []struct {
		says relay.Verdict
		want []int // until it is refused
	}{
		{vague, []int{16, 20, 24}},
		{exact, []int{18, 22}}, // it was done, and it wants more
	} {
		var a attempt
		var got []int
		for {
			bits, recent, ok := a.raise(url, tt.says, 24)
			if !ok {
				break
			}
			require.False(t, recent)
			require.Empty(t, a.open([]string{url}), "nothing is asked while it is worked on")
			require.False(t, a.refusedBy([]string{url}))
			a.rewrapped(url, []byte("event"), nil)
			require.Equal(t, []string{url}, a.open([]string{url}))
			require.Equal(t, "event", string(a.event(url, nil)))
			got = append(got, bits)
		}
		require.Equal(t, tt.want, got)
		require.True(t, a.refusedBy([]string{url}))
		require.False(t, a.refusedBy([]string{url, "wss://b"}))
	}
}

func TestAttempt_DateIsChangedOnceAndKept(t *testing.T) {
	t.Parallel()
	var a attempt
	_, ok := a.redate("wss://a")
	require.True(t, ok)
	_, recent, ok := a.raise("wss://a", relay.Verdict{Status: relay.Pow}, 24)
	require.True(t, ok && recent, "work keeps the date")
	a.rewrapped("wss://a", nil, errors.New("no time"))
	require.True(t, a.refusedBy([]string{"wss://a"}))
	_, ok = a.redate("wss://a")
	require.False(t, ok)
}
