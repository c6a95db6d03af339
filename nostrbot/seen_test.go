package nostrbot

import (
	"fmt"
	"testing"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
)

func TestSeen(t *testing.T) {
	t.Parallel()
	var s seen
	wrap := &nostr.Event{Kind: 1059, ID: fmt.Sprintf("%064x", 1)}
	dm4 := &nostr.Event{Kind: 4, ID: fmt.Sprintf("%064x", 2)}
	require.True(t, s.begin(wrap))
	require.False(t, s.begin(wrap), "another relay's copy while it is on its way")
	s.release(wrap.ID)
	require.True(t, s.begin(wrap), "it was not handled")
	s.settle(wrap.ID)
	require.False(t, s.begin(wrap))
	require.Empty(t, s.opening)

	require.True(t, s.begin(dm4))
	require.True(t, s.begin(dm4), "its first copy may have a forged signature")
	s.settle(dm4.ID)
	require.False(t, s.begin(dm4))
}

func TestRecent_IsBoundedAndKeepsTheNewest(t *testing.T) {
	t.Parallel()
	var r recent[int]
	for i := range 5 * recentHalf {
		r.add(i)
		require.LessOrEqual(t, len(r.young)+len(r.old), 2*recentHalf)
	}
	for i := range recentHalf {
		require.True(t, r.has(5*recentHalf-1-i))
	}
	require.False(t, r.has(0))
}
