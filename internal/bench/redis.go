//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/dmshop/dmshop/nostrbot/redisstore"
)

// startRedis starts a server that loses nothing it acknowledged.
func startRedis(ctx context.Context) (url string, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		return "", nil, err
	}
	socket := filepath.Join(dir, "s")
	cmd := exec.CommandContext(ctx, "redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always")
	if err := cmd.Start(); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop = func() error {
		killed := cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		return errors.Join(killed, os.RemoveAll(dir))
	}
	url = "unix://" + socket
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		s, err := redisstore.Open(ctx, url, "bench")
		if err == nil {
			return url, stop, s.Close()
		}
		if time.Now().After(deadline) {
			return "", nil, errors.Join(err, stop())
		}
	}
}
