//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// keyEnv carries the key of a measured process, made for this run.
const keyEnv = "DMSHOP_BENCH_NSEC"

// usage is what a process has used so far.
type usage struct {
	CPU time.Duration `json:"cpu"` // user and system, of all its threads
	RSS int64         `json:"rss"` // bytes resident now
	Err string        `json:"err,omitempty"`
}

func ownUsage() (usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, fmt.Errorf("getrusage: %w", err)
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return usage{}, err
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return usage{}, errors.New("/proc/self/statm is short")
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return usage{}, err
	}
	return usage{
		CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		RSS: pages * int64(os.Getpagesize()),
	}, nil
}

// serveControl answers each line on standard input with this process's usage
// on standard output, once settle returns, until standard input ends.
func serveControl(settle func() error) {
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		err := settle()
		u, uerr := ownUsage()
		if err = errors.Join(err, uerr); err != nil {
			u.Err = err.Error()
		}
		if out.Encode(u) != nil {
			return
		}
	}
}

// process is a child that is measured.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func start(ctx context.Context, program, nsec string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Env = append(os.Environ(), keyEnv+"="+nsec)
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// usage asks the process, with a word that it may understand.
func (p *process) usage(word string) (usage, error) {
	if _, err := io.WriteString(p.in, word+"\n"); err != nil {
		return usage{}, fmt.Errorf("ask %s: %w", p.cmd, err)
	}
	var u usage
	if err := p.out.Decode(&u); err != nil {
		return usage{}, fmt.Errorf("hear %s: %w", p.cmd, err)
	}
	if u.Err != "" {
		return usage{}, errors.New(u.Err)
	}
	return u, nil
}

func (p *process) stop() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}
