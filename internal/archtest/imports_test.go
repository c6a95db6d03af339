package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/dmshop/dmshop"

type pkg struct {
	ImportPath, Name, Doc, Dir         string
	Standard                           bool
	Imports, Deps                      []string
	GoFiles, TestImports, XTestImports []string
}

func (p pkg) path() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

// list asks the go command for every package of this module.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Dir,Standard,Imports,Deps,GoFiles,TestImports,XTestImports", "./...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		all = append(all, p)
	}
	require.Greater(t, len(all), 10, "go list found the module's packages")
	return all
}

// rules says what the non-test files of a package may import beside the
// standard library. An entry that ends in "/..." is a prefix; "ours/" stands
// for this module.
var rules = map[string][]string{
	"fsm":                            {"github.com/looplab/fsm"},
	"lnaddr":                         {"github.com/fiatjaf/go-lnurl", "ours/payments/bolt11", "ours/internal/...", "golang.org/x/net/idna"},
	"lnaddr/lnaddrtest":              {"github.com/fiatjaf/go-lnurl", "ours/lnaddr", "ours/payments/bolt11", "ours/internal/..."},
	"payments":                       {"ours/internal/keylock"},
	"payments/bolt11":                {"github.com/lightningnetwork/lnd/...", "github.com/btcsuite/btcd/...", "github.com/decred/dcrd/..."},
	"payments/btcpay":                {"ours/internal/keylock", "ours/payments", "ours/payments/bolt11"},
	"payments/btcpay/btcpaytest":     {"ours/payments", "ours/payments/bolt11", "ours/payments/paymentstest"},
	"payments/lnd":                   {"ours/payments", "ours/payments/bolt11"},
	"payments/sandbox":               {"ours/payments", "ours/payments/bolt11", "github.com/btcsuite/btcd/...", "github.com/decred/dcrd/..."},
	"payments/paymentstest":          {"ours/payments", "ours/payments/bolt11", "github.com/stretchr/testify/...", "pgregory.net/rapid"},
	"payments/order/sandbox":         {"ours/payments"},
	"nostrbot":                       {"ours/nostrbot/dm", "ours/nostrbot/relay", "ours/internal/relayurl", "ours/internal/safedial", "github.com/nbd-wtf/go-nostr", "github.com/nbd-wtf/go-nostr/nip13", "golang.org/x/time/rate"},
	"nostrbot/dm":                    {"github.com/nbd-wtf/go-nostr/...", "github.com/btcsuite/btcd/...", "github.com/decred/dcrd/...", "golang.org/x/crypto/...", "ours/internal/relayurl", "ours/internal/eventjson", "github.com/mailru/easyjson/..."},
	"nostrbot/relay":                 {"ours/internal/relayurl", "ours/internal/eventjson", "github.com/nbd-wtf/go-nostr/...", "github.com/coder/websocket", "github.com/mailru/easyjson/..."},
	"nostrbot/nostrbottest":          {"ours/nostrbot", "ours/nostrbot/dm", "ours/nostrbot/relay", "ours/internal/devrelay", "github.com/nbd-wtf/go-nostr"},
	"nostrbot/metrics":               {"ours/nostrbot", "ours/nostrbot/relay", "github.com/prometheus/client_golang/..."},
	"nostrbot/i18n":                  {"ours/nostrbot", "github.com/nicksnyder/go-i18n/v2/...", "github.com/BurntSushi/toml", "golang.org/x/text/..."},
	"nostrbot/sqlitestore":           {"ours/nostrbot", "modernc.org/sqlite/..."},
	"nostrbot/redisstore":            {"ours/nostrbot", "github.com/redis/go-redis/v9/..."},
	"nostrbot/storetest":             {"ours/nostrbot", "github.com/stretchr/testify/...", "pgregory.net/rapid"},
	"internal/keylock":               {},
	"internal/archtest":              {},
	"internal/bench":                 {"ours/nostrbot", "ours/nostrbot/dm", "ours/nostrbot/sqlitestore", "ours/nostrbot/redisstore", "ours/internal/devrelay", "github.com/nbd-wtf/go-nostr/..."},
	"internal/relayurl":              {},
	"internal/redistest":             {},
	"internal/eventjson":             {"github.com/nbd-wtf/go-nostr", "github.com/mailru/easyjson/..."},
	"internal/devrelay":              {"github.com/nbd-wtf/go-nostr/...", "github.com/coder/websocket"},
	"internal/safedial/safedialtest": {"golang.org/x/net/...", "github.com/stretchr/testify/..."},
	"internal/greenfield":            {"github.com/getkin/kin-openapi/..."},
	"internal/lntest":                {"github.com/btcsuite/btcd/...", "github.com/stretchr/testify/...", "go.uber.org/goleak"},
	"internal/lntest/builddaemons":   {"ours/internal/lntest"},
	"internal/safedial/devca":        {},
	"internal/safedial":              {"golang.org/x/net/..."},
}

func allowed(imported string, rule []string) bool {
	if !strings.Contains(strings.Split(imported, "/")[0], ".") {
		return true // standard library
	}
	return slices.ContainsFunc(rule, func(r string) bool {
		r = strings.Replace(r, "ours/", module+"/", 1)
		if prefix, ok := strings.CutSuffix(r, "/..."); ok {
			return imported == prefix || strings.HasPrefix(imported, prefix+"/")
		}
		return imported == r
	})
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if strings.HasPrefix(p.path(), "examples/") {
			continue
		}
		rule, known := rules[p.path()]
		require.True(t, known, "%s has no import rule: add one", p.ImportPath)
		for _, imported := range p.Imports {
			require.True(t, allowed(imported, rule), "%s imports %s", p.ImportPath, imported)
		}
	}
}

func TestImports_NothingImportsExamples(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if strings.HasPrefix(p.path(), "examples/") {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			require.NotContains(t, imported, module+"/examples", p.ImportPath)
		}
	}
}

// No driver and no test kit reaches an importer who did not ask for it.
func TestImports_NothingUnaskedFor(t *testing.T) {
	t.Parallel()
	// Each driver with the package that is there for it, if any.
	drivers := map[string]string{
		"modernc.org/sqlite":                  "nostrbot/sqlitestore",
		"github.com/redis":                    "nostrbot/redisstore",
		"github.com/nicksnyder/go-i18n":       "nostrbot/i18n",
		"github.com/BurntSushi/toml":          "nostrbot/i18n",
		"github.com/prometheus/client_golang": "nostrbot/metrics",
		"github.com/jackc/pgx":                "",
		"github.com/charmbracelet":            "",
		"github.com/fiatjaf/khatru":           "",
	}
	kits := []string{"testing", "github.com/stretchr/testify", "pgregory.net/rapid", "github.com/getkin/kin-openapi"}
	under := func(dep, root string) bool { return dep == root || strings.HasPrefix(dep, root+"/") }
	for _, p := range list(t) {
		path := p.path()
		if strings.HasPrefix(path, "examples/") || strings.HasSuffix(path, "test") || strings.HasPrefix(path, "internal/") {
			continue
		}
		// zpay32, which reads invoices, depends on lnd's fn/v2, and that on
		// test kits. It is lnd's, and it is the price of the library.
		excused := slices.Contains(p.Deps, "github.com/lightningnetwork/lnd/fn/v2")
		for _, dep := range p.Deps {
			for driver, home := range drivers {
				require.False(t, under(dep, driver) && path != home, "%s depends on %s", p.ImportPath, dep)
			}
			kit := slices.ContainsFunc(kits, func(k string) bool { return under(dep, k) })
			require.False(t, kit && dep != "testing/fstest" && !excused, "%s depends on %s", p.ImportPath, dep)
		}
	}
}

// go-nostr may appear in relay and dm only, not in what a handler's author
// sees.
func TestImports_NostrTypesStayBelowTheHandlers(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "doc", "-all", module+"/nostrbot")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NotContains(t, string(out), "nostr.Event")
	require.NotContains(t, string(out), "nostr.Filter")
}

func TestEveryPackageIsDocumentedOnce(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		require.NotEmpty(t, p.Doc, "%s has no package comment", p.ImportPath)
	}
}
