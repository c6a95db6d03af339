package nostrbot

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEmptied_KnowsWhatOneProcessCan(t *testing.T) {
	t.Parallel()
	o := &outbox{}
	o.empty.init(&Bot{store: NewMemory()})
	alice, bob := PubKey{1}, PubKey{2}
	require.False(t, o.empty.take(alice), "after a start nothing is known")
	o.empty.put(alice)
	require.True(t, o.empty.take(alice))
	require.False(t, o.empty.take(alice), "what is under way is not sent yet")

	o.empty.put(alice)
	first, second := o.committing(alice, true), o.committing(alice, true)
	require.False(t, o.empty.take(alice))
	first()
	o.empty.put(alice) // a sender left while the second is not committed
	require.False(t, o.empty.take(alice))
	second()
	o.empty.put(alice)
	require.True(t, o.empty.take(alice))
	require.Empty(t, o.empty.commits)

	o.empty.put(alice)
	end := o.committing(alice, false)
	require.True(t, o.empty.take(alice), "what the mailbox brings is all there is")
	o.empty.put(alice) // a sender that may have read what was committed
	require.False(t, o.empty.take(alice))
	end()
	require.Empty(t, o.empty.commits)

	for i := range 2 * maxEmptied {
		o.empty.put(PubKey{3, byte(i), byte(i >> 8), byte(i >> 16)})
	}
	o.empty.put(bob)
	require.Len(t, o.empty.customers, maxEmptied)
	require.True(t, o.empty.take(bob))
}

// sharedStore is a Store of several processes.
type sharedStore struct {
	Store
	Claimer
}

func TestEmptied_KnowsNothingOfASharedStore(t *testing.T) {
	t.Parallel()
	var e emptied
	e.init(&Bot{store: sharedStore{Store: NewMemory()}})
	e.put(PubKey{1})
	require.False(t, e.take(PubKey{1}))
}
