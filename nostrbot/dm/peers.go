package dm

import (
	"container/list"
	"sync"
)

// peerKeys are the keys shared with one peer. Both follow from the same
// multiplication on the curve, so they are made and kept together.
type peerKeys struct {
	aes          [32]byte // NIP-04
	conversation [32]byte // NIP-44
}

// maxPeers bounds the memory: about 1 MB.
const maxPeers = 4096

// peerCache keeps the keys of the peers used last. Each use saves a
// multiplication on the curve, which is a quarter of opening a message and as
// much of answering it.
type peerCache struct {
	mu    sync.Mutex
	max   int
	order list.List // of *cachedPeer, used last in front
	byKey map[PubKey]*list.Element
}

type cachedPeer struct {
	peer PubKey
	keys peerKeys
}

func newPeerCache(limit int) *peerCache {
	return &peerCache{max: limit, byKey: map[PubKey]*list.Element{}}
}

func (c *peerCache) get(peer PubKey) (peerKeys, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[peer]
	if !ok {
		return peerKeys{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cachedPeer).keys, true
}

func (c *peerCache) put(peer PubKey, keys peerKeys) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[peer]; ok {
		c.order.MoveToFront(e)
		return
	}
	c.byKey[peer] = c.order.PushFront(&cachedPeer{peer, keys})
	if c.order.Len() > c.max {
		last := c.order.Back()
		delete(c.byKey, c.order.Remove(last).(*cachedPeer).peer)
	}
}

func (c *peerCache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}
