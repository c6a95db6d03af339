package lntest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// process is one run of a daemon.
type process struct {
	name string
	log  string // its output
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// start runs a daemon, its output appended to a file.
func start(name, folder, program string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(folder, name+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.cmd = exec.Command(program, args...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = diesWithParent()
	started := make(chan error)
	go func() {
		// The child dies with the thread that started it: this one waits
		// for it, and belongs to nobody else.
		runtime.LockOSThread()
		defer close(p.done)
		defer out.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// kill ends it without a chance to tidy up, and waits.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// failure adds the end of the daemon's output to an error.
func (p *process) failure(err error) error {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return fmt.Errorf("%s: %w; its last words:\n%s", p.name, err, strings.Join(lines[max(0, len(lines)-15):], "\n"))
}

// ended is an error when the process is no longer there.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("it ended: %v", p.cmd.ProcessState)
	default:
		return nil
	}
}

var (
	portsMu sync.Mutex
	ports   = map[string]bool{}
)

// freeAddress is a loopback address that nobody listens on, and that this
// process did not hand out before. Between here and the daemon another process
// could take it; the daemon then says so.
func freeAddress() (string, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
		addr := l.Addr().String()
		l.Close()
		if !ports[addr] {
			ports[addr] = true
			return addr, nil
		}
	}
}
