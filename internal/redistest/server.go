// Package redistest starts real redis-servers for tests, each in a folder of
// its own behind a unix socket of its own.
package redistest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds the wait for a server to come up.
const patience = 20 * time.Second

// Server is a running redis-server.
type Server struct {
	// URL is where it is, for redisstore.Open.
	URL string

	dir  string
	args []string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// Start starts a server that loses nothing it acknowledged (appendonly yes,
// appendfsync always), with further arguments as on its command line. It is
// stopped, and its folder removed, when the test ends. Where redis-server is not
// installed the test is skipped, or fails when everything was to be tested
// (DMSHOP_TEST=full).
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		const remedy = "redis-server is not installed: make deps installs it"
		if os.Getenv("DMSHOP_TEST") == "full" {
			t.Fatal(remedy)
		}
		t.Skip(remedy)
	}
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	s := &Server{URL: "unix://" + socket, dir: dir, args: append([]string{
		program, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--logfile", "",
	}, args...)}
	s.Restart(t)
	t.Cleanup(s.Kill)
	return s
}

// Restart starts the server after Kill, with the data it had, and waits until
// it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.log.Reset()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !s.answers() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			s.Kill()
			t.Fatalf("redis-server does not answer:\n%s", s.log.String())
		}
	}
}

// answers tells whether the server is up and has read its data.
func (s *Server) answers() bool {
	conn, err := net.DialTimeout("unix", strings.TrimPrefix(s.URL, "unix://"), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	// One that wants a password is up, too.
	return err == nil && (strings.HasPrefix(string(answer[:n]), "+PONG") || strings.HasPrefix(string(answer[:n]), "-NOAUTH"))
}

// Kill ends the server as a crash does (SIGKILL), if it runs.
func (s *Server) Kill() {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Kill()
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		panic(err)
	}
}

// Pause stops the server in the midst of whatever it does, until Resume.
func (s *Server) Pause() error { return s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() error { return s.cmd.Process.Signal(syscall.SIGCONT) }
