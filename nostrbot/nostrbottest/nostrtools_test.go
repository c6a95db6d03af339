package nostrbottest_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// toolsCustomer is a process of Node with a customer on nostr-tools.
type toolsCustomer struct {
	t   *testing.T
	via string
	in  *json.Encoder
	out chan toolsLine
	log []toolsLine // said and heard
	now int         // where in log the last says began
}

// toolsLine is what client.mjs tells.
type toolsLine struct {
	Up      bool    `json:"up"`
	Said    *string `json:"said"`
	Heard   *string `json:"heard"`
	ID      string  `json:"id"`
	At      int64   `json:"at"`
	Via     string  `json:"via"`
	ReplyTo string  `json:"replyTo"`
}

// installTools installs nostr-tools, at the versions in package-lock.json, into
// a directory of the test's. Without Node or the network the test is skipped,
// unless everything was asked for.
func installTools(t *testing.T) (dir string) {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("DMSHOP_TEST") == "full" {
		missing = t.Fatalf
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			missing("customers on nostr-tools are not tested: %v", err)
		}
	}
	dir = t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "client.mjs"} {
		text, err := os.ReadFile(filepath.Join("testdata", "nostr-tools", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--fetch-retries=1")
	npm.Dir = dir
	npm.WaitDelay = time.Second
	if out, err := npm.CombinedOutput(); err != nil {
		missing("customers on nostr-tools are not tested: npm ci: %v\n%s", err, out)
	}
	return dir
}

func startTools(t *testing.T, dir string, net *nostrbottest.Net, name, via string) *toolsCustomer {
	t.Helper()
	cmd := exec.Command("node", "client.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RELAY="+net.URLs()[0], "SECRET="+net.Key(name), "BOT="+net.PubKey("bot").String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &toolsCustomer{t: t, via: via, in: json.NewEncoder(in), out: make(chan toolsLine, 1000)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewReader(out)
		for dec := json.NewDecoder(lines); ; {
			var l toolsLine
			if dec.Decode(&l) != nil {
				return // the process has ended
			}
			c.out <- l
		}
	}()
	t.Cleanup(func() {
		in.Close() // which ends it
		<-read
		if err := cmd.Wait(); !t.Failed() {
			require.NoError(t, err)
		}
	})
	require.True(t, c.next().Up)
	return c
}

func (c *toolsCustomer) next() toolsLine {
	c.t.Helper()
	select {
	case l := <-c.out:
		return l
	case <-time.After(nostrbottest.Patience):
		c.t.Fatal("the customer on nostr-tools tells nothing")
		return toolsLine{}
	}
}

func (c *toolsCustomer) says(text string) *toolsCustomer {
	c.t.Helper()
	require.NoError(c.t, c.in.Encode(map[string]string{"say": text, "via": c.via}))
	c.now = len(c.log)
	for l := c.next(); ; l = c.next() {
		c.log = append(c.log, l)
		if l.Said != nil { // an answer may be told first
			return c
		}
	}
}

// hears returns the texts of the next n answers, in the order in which the
// client shows them.
func (c *toolsCustomer) hears(n int) []string {
	c.t.Helper()
	heard := slices.DeleteFunc(slices.Clone(c.log[c.now:]), func(l toolsLine) bool { return l.Heard == nil })
	for len(heard) < n {
		l := c.next()
		require.NotNil(c.t, l.Heard)
		c.log, heard = append(c.log, l), append(heard, l)
	}
	slices.SortFunc(heard, func(a, b toolsLine) int { return cmp.Compare(a.At, b.At) })
	var texts []string
	for _, l := range heard[:n] {
		require.Equal(c.t, c.via, l.Via)
		texts = append(texts, *l.Heard)
	}
	return texts
}

// Customers on the library that most web clients are made of.
func TestInterop_NostrTools(t *testing.T) {
	t.Parallel()
	dir := installTools(t)
	for _, via := range []string{"nip17", "nip04"} {
		t.Run(via, func(t *testing.T) {
			t.Parallel()
			net := nostrbottest.New(t)
			bot := net.Bot(t, storyteller)
			c := startTools(t, dir, net, "alice", via)
			require.Equal(t, []string{"1"}, c.says("/count").hears(1))
			require.Equal(t, []string{oddText}, c.says("/odd").hears(1))
			require.Equal(t, []string{digest(oddText)}, c.says("digest:"+oddText).hears(1))
			long := strings.Repeat("ö ", 9000) + "."
			require.Equal(t, []string{digest(long)}, c.says("digest:"+long).hears(1))
			require.Equal(t, story, joined(t, c.says("/story").hears(3)))
			require.Equal(t, []string{"2"}, c.says("/count").hears(1))
			require.NoError(t, bot.Send(t.Context(), net.PubKey("alice"), "news", "k"))
			require.Equal(t, "news", *c.next().Heard)

			// The conversation, as a client shows it: by the dates of the
			// messages. An answer names its question.
			shown := slices.Clone(c.log)
			slices.SortFunc(shown, func(a, b toolsLine) int { return cmp.Compare(a.At, b.At) })
			var order strings.Builder
			var question toolsLine
			for _, l := range shown {
				if l.Said != nil {
					order.WriteString("Q")
					question = l
					continue
				}
				order.WriteString("A")
				require.Greater(t, l.At, question.At)
				require.Len(t, l.ReplyTo, 64)
				if question.ID != "" {
					require.Equal(t, question.ID, l.ReplyTo)
				}
			}
			require.Equal(t, "QAQAQAQAQAAAQA", order.String())
		})
	}
}
