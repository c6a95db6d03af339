package relay_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

func TestFetch(t *testing.T) {
	t.Parallel()
	has, lacks, down := startRelay(t, devrelay.Options{}), startRelay(t, devrelay.Options{}), startRelay(t, devrelay.Options{})
	down.Faults.RefuseConnections(true)
	list := signed(t, nostr.Event{Kind: 10050, CreatedAt: nostr.Now(), Tags: nostr.Tags{{"relay", "wss://x"}}})
	require.NoError(t, has.Publish(list))
	has.Faults.Duplicate(2)
	forged := *list
	forged.Sig = strings.Repeat("0", 128)
	require.NoError(t, lacks.Inject(raw(t, &forged)))
	frame := fmt.Sprintf(`["EVENT","x",%s]`, raw(t, list))

	b := startPool(t, relay.Config{URLs: []string{has.URL(), lacks.URL(), down.URL()}})
	b.eventually(has.URL(), isLive)
	b.eventually(lacks.URL(), isLive)
	lacks.SendFrame(frame) // not under the query's id: no answer to it
	b.eventually(down.URL(), func(l relay.Leg) bool { return l.Err != nil })
	filter := nostr.Filter{Kinds: []int{10050}, Authors: []string{list.PubKey}}
	answers := b.Fetch(b.ctx, filter)
	require.Equal(t, []*nostr.Event{list}, answers[0].Events)
	require.NoError(t, answers[0].Err)
	require.Equal(t, has.URL(), answers[0].Relay)
	require.Empty(t, answers[1].Events)
	require.NoError(t, answers[1].Err, "absent is an answer")
	require.ErrorIs(t, answers[2].Err, relay.ErrNotConnected)

	has.Faults.RefuseREQs("error: busy")
	answers = b.Fetch(b.ctx, filter, has.URL(), "wss://elsewhere.example")
	require.ErrorContains(t, answers[0].Err, "error: busy")
	require.ErrorIs(t, answers[1].Err, relay.ErrNotOwn)
	require.Empty(t, b.got)
}

func TestFetchAnswersAuth(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	require.NoError(t, r.Publish(toMe(t, "x")))
	r.Faults.RequireAuth(devrelay.AuthOnDemand)
	b := publishOnly(t, r, relay.Config{Sign: sign})
	answers := b.Fetch(b.ctx, everyMine(time.Now())[0])
	require.NoError(t, answers[0].Err)
	require.Len(t, answers[0].Events, 1)

	b.eventually(r.URL(), isLive)
	r.Faults.RefuseREQs("auth-required: somebody else")
	reqs := r.Count(devrelay.REQ)
	answers = b.Fetch(b.ctx, everyMine(time.Now())[0])
	require.Equal(t, reqs+2, r.Count(devrelay.REQ), "once more, and no more")
	require.ErrorContains(t, answers[0].Err, "auth-required: somebody else")
}

func TestFetchLosesConnection(t *testing.T) {
	t.Parallel()
	r := startRelay(t, devrelay.Options{})
	b := startPool(t, relay.Config{URLs: []string{r.URL()}})
	b.eventually(r.URL(), isLive)
	r.Faults.IgnoreREQs(true)
	go func() {
		_, _ = r.Wait(b.ctx, devrelay.REQ, 2)
		r.Faults.DropConnections()
	}()
	require.ErrorIs(t, b.Fetch(b.ctx, nostr.Filter{})[0].Err, relay.ErrDropped)
}
