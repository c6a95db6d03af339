package customer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/dm"
)

func TestTranscript_EachDMIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	var tr Transcript
	tr.Hear(dm.Message{Text: "Payment received"})
	tr.Hear(dm.Message{Text: "Done! Delivered."})
	require.NoError(t, tr.WaitText(t.Context(), "DELIVERED"))
	require.NoError(t, tr.WaitText(t.Context(), "payment"))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, tr.WaitText(over, "delivered"), context.Canceled)
	require.Len(t, tr.All(), 2)
}

func TestTranscript_WaitsForWhatComesLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tr Transcript
		answered, heard := make(chan error), make(chan error)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() { answered <- tr.WaitAnswer(ctx, "q2") }()
		go func() { heard <- tr.WaitText(ctx, "two") }()
		tr.Hear(dm.Message{Text: "one", ReplyTo: "q1"})
		synctest.Wait()
		select {
		case <-answered:
			t.Fatal("answered by the answer to another question")
		case <-heard:
			t.Fatal("heard something else")
		default:
		}
		tr.Hear(dm.Message{Text: "two", ReplyTo: "q2"})
		require.NoError(t, <-answered)
		require.NoError(t, <-heard)
		require.ErrorIs(t, tr.WaitAnswer(ctx, "q3"), context.DeadlineExceeded) // in fake time
	})
}
