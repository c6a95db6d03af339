package lntest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Capacity is what each channel holds, in satoshi: as much as lnd opens
// without extra flags. Half of it begins on each side.
const Capacity = 16_000_000

// openChannels gives shop and customer money of the chain, and opens a channel
// from each to its right-hand neighbour.
func (n *Network) openChannels(ctx context.Context) error {
	for _, node := range []*Node{n.Shop, n.Customer} {
		var out struct{ Address string }
		if err := node.Call(ctx, "/v1/newaddress", nil, &out); err != nil {
			return err
		}
		if err := n.chain.reward(out.Address); err != nil {
			return err
		}
	}
	if err := n.mine(ctx, segwitActive); err != nil {
		return err
	}
	if err := n.peer(ctx); err != nil {
		return err
	}
	for _, pair := range n.pairs() {
		if err := pair[0].open(ctx, pair[1]); err != nil {
			return err
		}
	}
	// Six deep, a channel is announced.
	if err := n.mine(ctx, 6); err != nil {
		return err
	}
	return n.routable(ctx)
}

func (n *Network) pairs() [][2]*Node {
	return [][2]*Node{{n.Shop, n.Customer}, {n.Customer, n.Far}}
}

// peer connects the neighbours, unless they are.
func (n *Network) peer(ctx context.Context) error {
	for _, pair := range n.pairs() {
		to := pair[1]
		err := poll(ctx, func() error {
			var peers struct {
				Peers []struct {
					Key string `json:"pub_key"`
				}
			}
			if err := pair[0].Call(ctx, "/v1/peers", nil, &peers); err != nil {
				return err
			}
			for _, p := range peers.Peers {
				if p.Key == to.pubKey {
					return nil
				}
			}
			var in struct {
				Addr struct {
					PubKey string `json:"pubkey"`
					Host   string `json:"host"`
				} `json:"addr"`
			}
			in.Addr.PubKey, in.Addr.Host = to.pubKey, to.p2pAddr
			if err := pair[0].Call(ctx, "/v1/peers", in, nil); err != nil {
				return err
			}
			return errors.New("not connected yet")
		})
		if err != nil {
			return fmt.Errorf("connect %s and %s: %w", pair[0].name, to.name, err)
		}
	}
	return nil
}

// open opens a channel to a peer and gives it half.
func (n *Node) open(ctx context.Context, to *Node) error {
	in := map[string]any{
		"node_pubkey_string":   to.pubKey,
		"local_funding_amount": strconv.Itoa(Capacity),
		"push_sat":             strconv.Itoa(Capacity / 2),
		"sat_per_vbyte":        "5",
	}
	// A peer that has just seen the blocks may say that it is not synced.
	err := poll(ctx, func() error { return n.Call(ctx, "/v1/channels", in, nil) })
	if err != nil {
		return fmt.Errorf("open channel from %s to %s: %w", n.name, to.name, err)
	}
	return nil
}

// routable waits until payments find their way in both directions of both
// channels, as seen by all nodes. An active channel is not enough: until its
// owner has both policies, it says that it has too little money.
func (n *Network) routable(ctx context.Context) error {
	return each(n.nodes(), func(node *Node) error {
		err := poll(ctx, func() error { return node.seesAll(ctx) })
		if err != nil {
			return fmt.Errorf("%s waits for the channels: %w", node.name, err)
		}
		return nil
	})
}

func (n *Node) seesAll(ctx context.Context) error {
	var own struct {
		Channels []struct {
			Active bool
		}
	}
	if err := n.Call(ctx, "/v1/channels", nil, &own); err != nil {
		return err
	}
	if len(own.Channels) == 0 {
		return errors.New("it has no channel")
	}
	for _, c := range own.Channels {
		if !c.Active {
			return errors.New("a channel of its own is not active")
		}
	}
	type policy struct{ Disabled bool }
	var graph struct {
		Edges []struct {
			One *policy `json:"node1_policy"`
			Two *policy `json:"node2_policy"`
		}
	}
	if err := n.Call(ctx, "/v1/graph", nil, &graph); err != nil {
		return err
	}
	usable := 0
	for _, e := range graph.Edges {
		if e.One != nil && e.Two != nil && !e.One.Disabled && !e.Two.Disabled {
			usable++
		}
	}
	if usable < len(n.network.pairs()) {
		return fmt.Errorf("it knows %d channels with both policies", usable)
	}
	return nil
}

// heal connects all again after a restart, and lets payers forget that the way
// was closed.
func (n *Network) heal(ctx context.Context) error {
	if err := n.synced(ctx); err != nil {
		return err
	}
	if err := n.peer(ctx); err != nil {
		return err
	}
	if err := n.routable(ctx); err != nil {
		return err
	}
	return each(n.nodes(), func(node *Node) error {
		return node.Call(ctx, "/v2/router/mc/reset", struct{}{}, nil)
	})
}
