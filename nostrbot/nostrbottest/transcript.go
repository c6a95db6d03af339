package nostrbottest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// script is what was said and heard, in the order of the test.
type script struct {
	mu    sync.Mutex
	lines []string
	masks []mask
}

type mask struct {
	pattern *regexp.Regexp
	name    string
}

// add appends a DM; further lines of it stand below its first.
func (s *script) add(head, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, head+strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", len(head))))
}

func (s *script) note(text string) { s.add("-- ", text) }

func (s *script) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.Join(s.lines, "\n") + "\n"
	for _, m := range s.masks {
		text = m.pattern.ReplaceAllLiteralString(text, m.name)
	}
	return text
}

// Transcript is what was said and heard so far, a line each, in the order in
// which the test went through it:
//
//	alice> /order
//	alice< espresso (900 sat) or latte (1500 sat)?
//	-- bot crashed
//
// What a user got but the test did not ask for is not in it.
func (n *Net) Transcript() string { return n.script.String() }

// Mask replaces, in the transcript, what differs from run to run, such as an
// invoice, by a name for it.
func (n *Net) Mask(pattern, name string) {
	n.script.mu.Lock()
	defer n.script.mu.Unlock()
	n.script.masks = append(n.script.masks, mask{regexp.MustCompile(pattern), name})
}

// updateGolden is the environment variable that makes Golden write.
const updateGolden = "NOSTRBOTTEST_UPDATE"

// Golden compares the transcript with the file at path, such as
// "testdata/order.golden". With NOSTRBOTTEST_UPDATE=1 in the environment it
// writes the file instead; look at what changed, and commit it.
func (n *Net) Golden(path string) {
	n.t.Helper()
	got := []byte(n.Transcript())
	if os.Getenv(updateGolden) == "1" {
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, got, 0o600)
		}
		if err != nil {
			n.t.Fatalf("nostrbottest: Golden: %v", err)
		}
		return
	}
	want, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		n.t.Fatalf("nostrbottest: there is no %s: run the test once with %s=1. The transcript:\n\n%s", path, updateGolden, got)
	case err != nil:
		n.t.Fatalf("nostrbottest: Golden: %v", err)
	case !bytes.Equal(got, want):
		n.t.Fatalf("nostrbottest: the conversation is not that of %s (%s=1 accepts it):\n\n%s", path, updateGolden, difference(string(want), string(got)))
	}
}

// difference shows both from a line before the first that differs.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	same := 0
	for same < min(len(w), len(g)) && w[same] == g[same] {
		same++
	}
	from := max(0, same-1)
	return fmt.Sprintf("line %d, expected:\n%s\nwas:\n%s", same+1, strings.Join(w[from:], "\n"), strings.Join(g[from:], "\n"))
}

// tail keeps the last lines of a log.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (l *tail) Write(p []byte) (int, error) {
	const most = 20
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, "    "+strings.TrimSuffix(string(p), "\n"))
	if len(l.lines) > most {
		l.lines = slices.Delete(l.lines, 0, len(l.lines)-most)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// report is what a failure says about everything.
func (n *Net) report() string {
	var b strings.Builder
	b.WriteString("what was said and heard:\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(n.Transcript(), "\n"), "\n") {
		b.WriteString("    " + line + "\n")
	}
	n.mu.Lock()
	bots := slices.Clone(n.bots)
	n.mu.Unlock()
	for _, bot := range bots {
		if !bot.running() {
			b.WriteString("the bot is not running\n")
			continue
		}
		for _, leg := range bot.present().bot.Health() {
			fmt.Fprintf(&b, "the bot on %s: connected %v, live %v, last failure %v\n", leg.URL, leg.Connected, leg.Live, leg.Err)
		}
	}
	if log := n.log.String(); log != "" {
		b.WriteString("the bot's log:\n" + log + "\n")
	}
	return b.String()
}

// failf ends the test with all there is to know.
func (u *User) failf(format string, args ...any) {
	u.t.Helper()
	u.mu.Lock()
	var unread strings.Builder
	for _, h := range u.sorted() {
		fmt.Fprintf(&unread, "%s got too: %q\n", u.name, h.Text)
	}
	u.mu.Unlock()
	u.t.Fatalf("%s\n\n%s%s", fmt.Sprintf(format, args...), u.net.report(), unread.String())
}
