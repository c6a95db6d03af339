package lntest

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Node is one lnd of the network. Its methods that take a *testing.T fail the
// test when they cannot do what they say.
type Node struct {
	name, dir, program   string
	args                 []string
	p2pAddr, restAddr    string
	pubKey               string
	process              *process
	api                  *rest
	network              *Network
	certFile, adminCreds string
}

func newNode(name, bin, folder string, c *chain) (*Node, error) {
	n := &Node{name: name, dir: filepath.Join(folder, name), program: filepath.Join(bin, "lnd")}
	var addrs [3]string
	for i := range addrs {
		addr, err := freeAddress()
		if err != nil {
			return nil, err
		}
		addrs[i] = addr
	}
	n.p2pAddr, n.restAddr = addrs[0], addrs[1]
	n.certFile = filepath.Join(n.dir, "tls.cert")
	n.adminCreds = filepath.Join(n.dir, "data", "chain", "bitcoin", "regtest", "admin.macaroon")
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return nil, err
	}
	n.args = []string{
		"--lnddir=" + n.dir, "--alias=" + name, "--noseedbackup", "--nobootstrap", "--bitcoin.regtest",
		"--bitcoin.node=btcd", "--btcd.rpchost=" + c.rpcAddr, "--btcd.rpcuser=" + rpcUser, "--btcd.rpcpass=" + rpcPass, "--btcd.rpccert=" + c.certFile,
		"--listen=" + n.p2pAddr, "--externalip=" + n.p2pAddr, "--restlisten=" + n.restAddr, "--rpclisten=" + addrs[2],
		"--bitcoin.defaultchanconfs=1", "--minbackoff=1s", "--maxbackoff=2s",
		"--trickledelay=50", "--gossip.sub-batch-delay=5ms", "--caches.rpc-graph-cache-duration=100ms",
		"--db.batch-commit-interval=10ms", "--htlcswitch.mailboxdeliverytimeout=2s",
		"--logging.file.disable", "--debuglevel=warn",
	}
	return n, nil
}

// up starts lnd and waits until it serves and has all blocks.
func (n *Node) up(ctx context.Context) error {
	p, err := start(n.name, filepath.Dir(n.dir), n.program, n.args...)
	if err != nil {
		return err
	}
	n.process = p
	var info struct {
		Key    string `json:"identity_pubkey"`
		Synced bool   `json:"synced_to_chain"`
	}
	err = poll(ctx, func() error {
		if err := p.ended(); err != nil {
			return final{err}
		}
		if n.api == nil {
			cert, err := n.readFile(n.certFile)
			if err != nil {
				return err
			}
			macaroon, err := n.readFile(n.adminCreds)
			if err != nil {
				return err
			}
			if n.api, err = newREST(n.restAddr, cert, macaroon); err != nil {
				return err
			}
		}
		if err := n.api.call(ctx, "/v1/getinfo", nil, &info); err != nil {
			if n.pubKey == "" {
				n.api = nil // what it read was perhaps half written
			}
			return err
		}
		if !info.Synced {
			return fmt.Errorf("lnd has not all blocks")
		}
		return nil
	})
	if err != nil {
		return p.failure(err)
	}
	n.pubKey = info.Key
	return nil
}

// readFile reads what lnd writes when it starts; empty means not yet.
func (*Node) readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err == nil && len(text) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return text, err
}

// REST is where lnd serves its REST interface: "https://127.0.0.1:port". It
// stays the same over a restart.
func (n *Node) REST() string { return "https://" + n.restAddr }

// PubKey is the node's public key in hex.
func (n *Node) PubKey() string { return n.pubKey }

// Cert is lnd's self-signed certificate, PEM.
func (n *Node) Cert(t testing.TB) []byte {
	t.Helper()
	text, err := n.readFile(n.certFile)
	require.NoError(t, err)
	return text
}

// Macaroon bakes one that allows these methods and nothing else, each the URI
// of a gRPC method: "/lnrpc.Lightning/AddInvoice".
func (n *Node) Macaroon(t testing.TB, methods ...string) []byte {
	t.Helper()
	type permission struct {
		Entity string `json:"entity"`
		Action string `json:"action"`
	}
	var in struct {
		Permissions []permission `json:"permissions"`
	}
	for _, m := range methods {
		in.Permissions = append(in.Permissions, permission{Entity: "uri", Action: m})
	}
	var out struct {
		Macaroon string `json:"macaroon"`
	}
	require.NoError(t, n.Call(t.Context(), "/v1/macaroon", in, &out))
	text, err := hex.DecodeString(out.Macaroon)
	require.NoError(t, err)
	return text
}

// Call makes a REST call with all rights: POST in as JSON, or GET where in is
// nil. The answer, or the first message of a stream, is read into out.
func (n *Node) Call(ctx context.Context, path string, in, out any) error {
	return n.api.call(ctx, path, in, out)
}

// Kill ends lnd as a power cut does.
func (n *Node) Kill(t testing.TB) {
	t.Helper()
	n.process.kill()
	n.api.client.CloseIdleConnections()
}

// Restart starts lnd again after [Node.Kill], and waits until its channels can
// be paid through again.
func (n *Node) Restart(t testing.TB) {
	t.Helper()
	require.NoError(t, n.up(t.Context()))
	require.NoError(t, n.network.heal(t.Context()))
}

// Start starts lnd again after [Node.Kill], and waits only until it serves.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	require.NoError(t, n.up(t.Context()))
}
