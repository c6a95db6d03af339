package archtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test as docs/failures.md names it: `nostrbot/relay.TestClosed`.
var namedTest = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)`")

// shownBy reads docs/failures.md: which tests show what, by package. A row
// without a test is a claim without proof.
func shownBy(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "failures.md"))
	require.NoError(t, err)
	named := map[string][]string{}
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| What fails") || strings.HasPrefix(line, "| ---") {
			continue
		}
		rows++
		found := namedTest.FindAllStringSubmatch(line, -1)
		assert.NotEmpty(t, found, "no test named in: %s", line)
		for _, m := range found {
			if !slices.Contains(named[m[1]], m[2]) {
				named[m[1]] = append(named[m[1]], m[2])
			}
		}
	}
	require.GreaterOrEqual(t, rows, 50, "rows read from docs/failures.md")
	return named
}

// Each failure in the list is shown to be survived by a test that is there...
func TestFailures_TestsExist(t *testing.T) {
	t.Parallel()
	for pkg, tests := range shownBy(t) {
		there := declared(t, pkg)
		for _, name := range tests {
			assert.True(t, there[name], "docs/failures.md names %s.%s, which is not there", pkg, name)
		}
	}
}

// ... and that runs and passes: none is skipped. It takes minutes, so it is
// for the full run.
func TestFailures_TestsRun(t *testing.T) {
	if os.Getenv("DMSHOP_TEST") != "full" {
		t.Skip("runs with DMSHOP_TEST=full, as make test does")
	}
	named := shownBy(t)
	for _, pkg := range slices.Sorted(maps.Keys(named)) {
		pattern := "^(" + strings.Join(named[pkg], "|") + ")$"
		cmd := exec.Command("go", "test", "-count=1", "-json", "-run", pattern, "./"+pkg)
		cmd.Dir = filepath.Join("..", "..")
		cmd.Env = append(os.Environ(), "DMSHOP_TEST=") // small counts: the full ones run elsewhere
		out, err := cmd.Output()
		require.NoError(t, err, "%s: %s", pkg, out)
		passed := map[string]bool{}
		lines := bufio.NewScanner(bytes.NewReader(out))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e struct{ Action, Test string }
			require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
			if e.Action == "pass" {
				passed[e.Test] = true
			}
		}
		require.NoError(t, lines.Err())
		for _, name := range named[pkg] {
			assert.True(t, passed[name], "%s.%s did not run and pass", pkg, name)
		}
	}
}

// declared finds the names of a package's test functions.
func declared(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pkg), "*_test.go"))
	require.NoError(t, err)
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := map[string]bool{}
	for _, file := range files {
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range function.FindAllSubmatch(code, -1) {
			names[string(m[1])] = true
		}
	}
	return names
}
