package lntest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/integration/rpctest"
	"github.com/btcsuite/btcd/rpcclient"
)

const (
	rpcUser = "lntest"
	rpcPass = "lntest"
	// nobody is where blocks pay that pay nobody in particular.
	nobody = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
	// segwitActive is when btcd's regtest has seen three periods of
	// signalling (BIP 9); channels need segwit.
	segwitActive = 432
)

// chain is a btcd on regtest.
type chain struct {
	*process
	rpcAddr, certFile string
	client            *rpcclient.Client
}

func startChain(ctx context.Context, bin, folder string) (*chain, error) {
	p2p, err := freeAddress()
	if err != nil {
		return nil, err
	}
	rpc, err := freeAddress()
	if err != nil {
		return nil, err
	}
	empty := filepath.Join(folder, "btcd.conf")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		return nil, err
	}
	c := &chain{rpcAddr: rpc, certFile: filepath.Join(folder, "btcd.cert")}
	c.process, err = start("btcd", folder, filepath.Join(bin, "btcd"),
		"--regtest", "--configfile="+empty, "--datadir="+filepath.Join(folder, "btcd"), "--logdir="+filepath.Join(folder, "btcd"),
		"--listen="+p2p, "--rpclisten="+rpc, "--rpcuser="+rpcUser, "--rpcpass="+rpcPass,
		"--rpccert="+c.certFile, "--rpckey="+filepath.Join(folder, "btcd.key"),
		"--miningaddr="+nobody, "--nodnsseed", "--txindex", "--nobanning", "--nostalldetect",
		"--trickleinterval=100ms", "--rpcmaxwebsockets=100", "--debuglevel=warn")
	if err != nil {
		return nil, err
	}
	if err := c.connect(ctx); err != nil {
		c.kill()
		return nil, c.failure(err)
	}
	return c, nil
}

// connect waits until btcd answers.
func (c *chain) connect(ctx context.Context) error {
	return poll(ctx, func() error {
		if err := c.ended(); err != nil {
			return final{err}
		}
		cert, err := os.ReadFile(c.certFile)
		if err != nil {
			return err
		}
		client, err := rpcclient.New(&rpcclient.ConnConfig{
			Host: c.rpcAddr, User: rpcUser, Pass: rpcPass, HTTPPostMode: true, Certificates: cert,
		}, nil)
		if err != nil {
			return err
		}
		if _, err := client.GetBlockCount(); err != nil {
			client.Shutdown() // what it read was perhaps half written
			client.WaitForShutdown()
			return err
		}
		c.client = client
		return nil
	})
}

// close ends btcd.
func (c *chain) close() {
	c.client.Shutdown()
	c.client.WaitForShutdown()
	c.kill()
}

func (c *chain) mine(blocks uint32) error {
	if _, err := c.client.Generate(blocks); err != nil {
		return fmt.Errorf("mine %d blocks: %w", blocks, err)
	}
	return nil
}

// reward mines a block that pays to an address; the money can be spent a
// hundred blocks later.
func (c *chain) reward(address string) error {
	to, err := btcutil.DecodeAddress(address, &chaincfg.RegressionNetParams)
	if err != nil {
		return fmt.Errorf("mine for %s: %w", address, err)
	}
	hash, height, err := c.client.GetBestBlock()
	if err != nil {
		return fmt.Errorf("mine for %s: %w", address, err)
	}
	tip, err := c.client.GetBlock(hash)
	if err != nil {
		return fmt.Errorf("mine for %s: %w", address, err)
	}
	prev := btcutil.NewBlock(tip)
	prev.SetHeight(height)
	const bip9 = 0x20000000 // no deployment is signalled
	next, err := rpctest.CreateBlock(prev, nil, bip9, time.Time{}, to, nil, &chaincfg.RegressionNetParams)
	if err != nil {
		return fmt.Errorf("mine for %s: %w", address, err)
	}
	if err := c.client.SubmitBlock(next, nil); err != nil {
		return fmt.Errorf("mine for %s: %w", address, err)
	}
	return nil
}
