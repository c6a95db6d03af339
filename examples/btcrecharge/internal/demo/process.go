package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// process is the bot as a child of this program, so that it can be killed for
// real and started again on the same files.
type process struct {
	args []string
	env  []string
	log  string // the child's stderr goes to this file

	mu    sync.Mutex
	cmd   *exec.Cmd
	stdin io.Closer     // the child stops when this closes, also when we die
	gone  chan struct{} // closed when the child has ended
	err   error         // how it ended; set before gone closes
}

func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the bot: %w", err)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start the bot: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(self, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the bot: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the bot: %w", err)
	}
	gone := make(chan struct{})
	p.cmd, p.stdin, p.gone = cmd, stdin, gone
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(gone)
	}()
	return nil
}

// kill ends the child by SIGKILL: no handler of its runs.
func (p *process) kill() error {
	p.mu.Lock()
	cmd, gone := p.cmd, p.gone
	p.mu.Unlock()
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the bot: %w", err)
	}
	<-gone
	return nil
}

// stop asks the child to stop, and kills it when it does not.
func (p *process) stop(grace time.Duration) error {
	p.mu.Lock()
	stdin, gone := p.stdin, p.gone
	p.mu.Unlock()
	if gone == nil {
		return nil // never started
	}
	stdin.Close()
	select {
	case <-gone:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	case <-time.After(grace):
		return errors.Join(errors.New("the bot did not stop by itself"), p.kill())
	}
}
