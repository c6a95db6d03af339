package archtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/devrelay"
	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// blocks finds the Go code in README.md and docs/, by where it stands.
func blocks(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	found := map[string]string{}
	for _, file := range append(files, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for i, m := range goBlock.FindAllStringSubmatch(string(text), -1) {
			found[fmt.Sprintf("%s#%d", filepath.Base(file), i+1)] = m[1]
		}
	}
	return found
}

// build compiles a block as a package of this module, by an overlay: nothing
// is written into the tree.
func build(t *testing.T, code string) (program string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(file, []byte(code), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "internal", "archtest", "block", "main.go"): file,
	}})
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))
	program = filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-overlay", overlayFile, "-o", program, "./internal/archtest/block")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

func TestDocs_GoCodeCompiles(t *testing.T) {
	t.Parallel()
	all := blocks(t)
	require.NotEmpty(t, all)
	for where, code := range all {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, code, "package ", "a Go block in the docs is a whole file, so that it can be compiled")
			build(t, code)
		})
	}
}

// The first program that a newcomer reads is run, and answers.
func TestDocs_ReadmeBotRuns(t *testing.T) {
	t.Parallel()
	code := blocks(t)["README.md#1"]
	echo, err := os.ReadFile(filepath.Join("..", "..", "examples", "echo", "main.go"))
	require.NoError(t, err)
	require.Equal(t, string(echo), code, "README.md shows examples/echo")
	lines := 0
	for l := range strings.SplitSeq(code, "\n") {
		if strings.TrimSpace(l) != "" {
			lines++
		}
	}
	require.LessOrEqual(t, lines, 30)

	net, err := devrelay.Start("127.0.0.1:0", devrelay.Options{})
	require.NoError(t, err)
	defer net.Close()
	nsec, err := dm.GenerateKey()
	require.NoError(t, err)
	bot := exec.Command(build(t, code))
	bot.Env = append(os.Environ(), "BOT_NSEC="+nsec, "NOSTR_RELAYS="+net.URL())
	bot.Stderr = os.Stderr
	require.NoError(t, bot.Start())
	to, err := dm.Nsec(nsec).PubKey()
	require.NoError(t, err)
	require.Equal(t, "pong", ask(t, net.URL(), to, "/ping"))
	require.Equal(t, "you said: hello", ask(t, net.URL(), to, "hello"))
	require.NoError(t, bot.Process.Signal(os.Interrupt))
	require.NoError(t, bot.Wait(), "a bot that is interrupted ends well")
}

// ask sends one DM as a new customer and returns the answer.
func ask(t *testing.T, url string, to dm.PubKey, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	nsec, err := dm.GenerateKey()
	require.NoError(t, err)
	me := dm.Nsec(nsec)
	self, err := me.PubKey()
	require.NoError(t, err)
	heard := make(chan string, 1)
	up := make(chan struct{}, 1)
	pool, err := relay.New(relay.Config{
		URLs:    []string{url},
		Filters: func(now time.Time) []nostr.Filter { return dm.Inbox(self, now) },
		Deliver: func(ctx context.Context, d relay.Delivery) {
			if m, err := dm.Open(ctx, me, d.Event, time.Now()); err == nil {
				heard <- m.Text
			}
		},
		OnUp: func(string) {
			select {
			case up <- struct{}{}:
			default:
			}
		},
	})
	require.NoError(t, err)
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- pool.Run(running) }()
	defer func() { stop(); <-done }()
	<-up
	s, err := dm.Seal(ctx, me, dm.Draft{To: to, Text: text, Via: dm.NIP17, At: time.Now()})
	require.NoError(t, err)
	require.True(t, pool.Publish(ctx, s.Event)[0].Delivered())
	select {
	case answer := <-heard:
		return answer
	case <-ctx.Done():
		return "no answer"
	}
}
