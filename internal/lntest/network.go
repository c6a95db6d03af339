package lntest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Network is btcd and three lnd with channels between them.
type Network struct {
	// Shop is the node under test, Customer its neighbour, Far the
	// neighbour's.
	Shop, Customer, Far *Node

	chain  *chain
	folder string
}

// startLimit bounds the start of a network whose daemons are built: seconds on
// an idle machine.
const startLimit = 3 * time.Minute

// shared is the network of this test binary.
var shared struct {
	once    sync.Once
	network *Network
	err     error
}

// Start is the network of this test binary, brought up at the first call.
// Without the daemons it skips the test, and with DMSHOP_TEST=full builds them.
// A test binary that calls it runs under [Main].
func Start(t testing.TB) *Network {
	t.Helper()
	shared.once.Do(func() { shared.network, shared.err = open(context.Background()) })
	if errors.Is(shared.err, ErrNotBuilt) {
		t.Skip("no real Lightning: run make test-lightning once to build btcd and lnd")
	}
	if shared.err != nil {
		t.Fatalf("lntest: %v", shared.err)
	}
	return shared.network
}

func open(ctx context.Context) (*Network, error) {
	bin, err := Binaries()
	if errors.Is(err, ErrNotBuilt) && Full() {
		bin, err = Build(ctx)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	folder, err := os.MkdirTemp("", "lntest-*")
	if err != nil {
		return nil, err
	}
	n := &Network{folder: folder}
	if err := n.up(ctx, bin); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// Full tells whether the tests run in full (DMSHOP_TEST=full), as in CI.
func Full() bool { return os.Getenv("DMSHOP_TEST") == "full" }

// Main runs the tests of a binary, ends its network, looks for goroutines left
// behind, and exits.
func Main(m *testing.M) {
	code := m.Run()
	if n := shared.network; n != nil {
		n.close()
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// close ends all daemons and removes their folder.
func (n *Network) close() {
	for _, node := range n.nodes() {
		if node.api != nil {
			node.api.client.CloseIdleConnections()
		}
		if node.process != nil {
			node.process.kill() // nothing of it is needed again
		}
	}
	if n.chain != nil {
		n.chain.close()
	}
	_ = os.RemoveAll(n.folder)
}

func (n *Network) nodes() []*Node {
	var all []*Node
	for _, node := range []*Node{n.Shop, n.Customer, n.Far} {
		if node != nil {
			all = append(all, node)
		}
	}
	return all
}

// up starts the daemons, and opens the channels.
func (n *Network) up(ctx context.Context, bin string) (err error) {
	if n.chain, err = startChain(ctx, bin, n.folder); err != nil {
		return err
	}
	// Without one recent block lnd waits for the chain for ever.
	if err := n.chain.mine(1); err != nil {
		return err
	}
	for name, node := range map[string]**Node{"shop": &n.Shop, "customer": &n.Customer, "far": &n.Far} {
		if *node, err = newNode(name, bin, n.folder, n.chain); err != nil {
			return err
		}
		(*node).network = n
	}
	if err := each(n.nodes(), func(node *Node) error { return node.up(ctx) }); err != nil {
		return err
	}
	return n.openChannels(ctx)
}

// each runs f on all nodes at once.
func each(nodes []*Node, f func(*Node) error) error {
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, node := range nodes {
		wg.Go(func() { errs[i] = f(node) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Mine mines blocks and waits until all nodes have seen them.
func (n *Network) Mine(t testing.TB, blocks uint32) {
	t.Helper()
	if err := n.mine(t.Context(), blocks); err != nil {
		t.Fatalf("lntest: %v", err)
	}
}

func (n *Network) mine(ctx context.Context, blocks uint32) error {
	if err := n.chain.mine(blocks); err != nil {
		return err
	}
	return n.synced(ctx)
}

func (n *Network) synced(ctx context.Context) error {
	tip, err := n.chain.client.GetBlockCount()
	if err != nil {
		return fmt.Errorf("read height: %w", err)
	}
	return each(n.nodes(), func(node *Node) error {
		return poll(ctx, func() error {
			var info struct {
				Height int64 `json:"block_height"`
				Synced bool  `json:"synced_to_chain"`
			}
			if err := node.Call(ctx, "/v1/getinfo", nil, &info); err != nil {
				return err
			}
			if info.Height < tip || !info.Synced {
				return errors.New(node.name + " is at block " + strconv.FormatInt(info.Height, 10) + " of " + strconv.FormatInt(tip, 10))
			}
			return nil
		})
	})
}
