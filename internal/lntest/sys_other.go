//go:build !linux

package lntest

import (
	"context"
	"syscall"
)

// diesWithParent is of Linux alone; elsewhere a killed test leaves its daemons.
func diesWithParent() *syscall.SysProcAttr { return nil }

// lockFile locks nothing here: two processes may both build, the second one's
// work is then lost.
func lockFile(context.Context, string) (func(), error) { return func() {}, nil }
