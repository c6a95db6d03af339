package storetest

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot"
)

var endTests = map[string]func(*testing.T, *handle){
	"closed":       testClosed,
	"opened again": testReopened,
	"opened twice": testShared,
}

func testClosed(t *testing.T, s *handle) {
	c, ok := s.Store.(io.Closer)
	if !ok {
		t.Skip("the store has no Close")
	}
	commit(t, s, replies(alice, start, "p1"))
	require.NoError(t, c.Close())
	for name, err := range calls(t.Context(), s) {
		require.ErrorIs(t, err, nostrbot.ErrStoreClosed, name)
	}
	require.NoError(t, c.Close(), "closing twice is no error")
}

func testReopened(t *testing.T, h *handle) {
	if !h.suite.reopens {
		t.Skip("the store forgets at exit")
	}
	b := replies(alice, start, "p1", "p2", "p3")
	b.Rev, b.State, b.Done = 0, []byte("one"), []string{"m1"}
	commit(t, h, b)
	send(t, h, alice, "p2")
	var want []nostrbot.Parcel
	for _, id := range []string{"p1", "p2", "p3"} {
		want = append(want, lookup(t, h, alice, id))
	}
	h.close(t)

	s := h.again(t)
	require.Equal(t, nostrbot.Conversation{Rev: 1, State: []byte("one"), Done: []string{"m1"}}, load(t, s, alice, start, "m1"))
	for _, p := range want {
		require.Equal(t, p, lookup(t, s, alice, p.ID))
	}
	require.Equal(t, []nostrbot.PubKey{alice}, pending(t, s))
	require.ErrorIs(t, s.Commit(t.Context(), b), nostrbot.ErrDone)
	require.ErrorIs(t, s.Commit(t.Context(), write(alice, start, 0, "x")), nostrbot.ErrConflict)
	commit(t, s, replies(alice, start.Add(-time.Hour), "p0"))
	require.Equal(t, []string{"p1", "p3", "p0"}, waiting(t, s, alice), "the order goes on")
}

func testShared(t *testing.T, h *handle) {
	if !h.suite.reopens {
		t.Skip("the store is one process's own")
	}
	other := h.again(t)
	commit(t, h, write(alice, start, 0, "one"))
	wantState(t, other, alice, start, 1, "one")
	commit(t, other, write(alice, start, 1, "two"))
	wantState(t, h, alice, start, 2, "two")
	require.ErrorIs(t, h.Commit(t.Context(), write(alice, start, 1, "late")), nostrbot.ErrConflict, "a paused process is fenced off")

	b := replies(alice, start, "p1")
	b.Done = []string{"m1"}
	commit(t, h, b)
	require.ErrorIs(t, other.Commit(t.Context(), done(alice, start, "m1")), nostrbot.ErrDone)
	commit(t, other, replies(alice, start, "p0"))
	require.Equal(t, []string{"p1", "p0"}, waiting(t, h, alice))
	send(t, other, alice, "p1")
	require.Equal(t, []string{"p0"}, waiting(t, h, alice))
	other.close(t)
	wantState(t, h, alice, start, 2, "two")
	commit(t, h, write(alice, start, 2, "three"))
}
