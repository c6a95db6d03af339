package lntest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// buildFlags makes binaries that do not depend on the machine. lnd's own
// packages are left unoptimised: it is a quarter less work, and no slower here.
var buildFlags = []string{
	"-trimpath", "-buildvcs=false",
	"-tags=integration dev invoicesrpc walletrpc signrpc chainrpc peersrpc neutrinorpc",
	"-ldflags=-s -w",
	"-gcflags=github.com/lightningnetwork/lnd/...=-N -l",
}

// ErrNotBuilt means that the daemons are not in the cache.
var ErrNotBuilt = errors.New("the Lightning daemons are not built")

// Binaries is the folder of btcd and lnd in the user's cache, or [ErrNotBuilt].
func Binaries() (string, error) {
	_, dir, err := locate()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err != nil {
		return "", ErrNotBuilt
	}
	return dir, nil
}

// Build is [Binaries], after building what is not there, at a low priority.
// It needs the go command, and the module proxy at the first time. Processes
// that call it at once build once.
func Build(ctx context.Context) (string, error) {
	src, dir, err := locate()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", fmt.Errorf("build Lightning daemons: %w", err)
	}
	unlock, err := lockFile(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("build Lightning daemons: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "building-*")
	if err != nil {
		return "", fmt.Errorf("build Lightning daemons: %w", err)
	}
	defer os.RemoveAll(fresh)
	args := append([]string{"go", "build", "-C", src, "-o", fresh + string(filepath.Separator)}, buildFlags...)
	if nice, err := exec.LookPath("nice"); err == nil {
		args = append([]string{nice, "-n", "15"}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], append(args[1:], "tool")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build Lightning daemons: %w\n%s", err, out)
	}
	// The folder has its name only when both are whole.
	if err := os.Rename(fresh, dir); err != nil {
		return "", fmt.Errorf("build Lightning daemons: %w", err)
	}
	return dir, nil
}

// locate finds the nested module, and names the folder in the cache after all
// that goes into the daemons.
func locate() (src, dir string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", "", err
	}
	src = filepath.Join(root, "internal", "lntest", "daemons")
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOOS, runtime.GOARCH, buildFlags)
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(src, name))
		if err != nil {
			return "", "", fmt.Errorf("locate Lightning daemons: %w", err)
		}
		h.Write(text)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", fmt.Errorf("locate Lightning daemons: %w", err)
	}
	return src, filepath.Join(cache, "dmshop", "lntest", hex.EncodeToString(h.Sum(nil)[:12])), nil
}

// moduleRoot is the nearest folder upwards that holds this package's source:
// tests run in their package's folder.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("locate Lightning daemons: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "internal", "lntest", "daemons", "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("locate Lightning daemons: not inside the dmshop module")
		}
		dir = parent
	}
}
