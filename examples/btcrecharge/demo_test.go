package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// asProgram makes the test binary the program itself, so that its children,
// which start "themselves" as the bot, are the program too.
const asProgram = "BTCRECHARGE_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// full is set by make test; without it a few runs stand for the many.
var full = os.Getenv("DMSHOP_TEST") == "full"

// slots keeps the number of demos that run at once in proportion.
var slots = make(chan struct{}, 4)

// program runs the command and returns what it printed and its exit code.
func program(t *testing.T, stdin string, args ...string) (out string, code int) {
	t.Helper()
	slots <- struct{}{}
	defer func() { <-slots }()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "TMPDIR="+t.TempDir())
	cmd.Stdin = strings.NewReader(stdin)
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !asExit(err, &exit) {
		t.Fatalf("run: %v", err)
	}
	left, err := os.ReadDir(cmd.Env[len(cmd.Env)-1][len("TMPDIR="):])
	require.NoError(t, err)
	require.Empty(t, left, "the demo leaves no files behind")
	return buf.String(), cmd.ProcessState.ExitCode()
}

func asExit(err error, target **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError) //nolint:errorlint // Run returns it bare
	*target = e
	return ok
}

// plays runs a script that must run through.
func plays(t *testing.T, lines []string, args ...string) string {
	t.Helper()
	out, code := program(t, strings.Join(lines, "\n")+"\n", append([]string{"demo", "--script", "-"}, args...)...)
	require.Equal(t, 0, code, "%s", out)
	return out
}

var purchase = []string{"/menu RO", "/buy vodafone-romania-ro", "1", "+40712345678", "/confirm", ":pay", ":wait delivered"}

// said returns the bot's DMs, without what differs from run to run, sorted:
// a customer misses nothing and hears nothing twice when it is the same list.
func said(out string) []string {
	var dms []string
	for block := range strings.SplitSeq("\n"+out, "\nbot> ") {
		dms = append(dms, block)
	}
	dms = dms[1:]
	for i, d := range dms {
		var keep []string
		for j, l := range strings.Split(d, "\n") {
			if j > 0 && !strings.HasPrefix(l, "     ") {
				break // not the bot any more
			}
			keep = append(keep, strings.TrimSpace(l))
		}
		d = strings.Join(keep, "\n")
		d = regexp.MustCompile(`lnbcrt[0-9a-z]+`).ReplaceAllString(d, "INVOICE")
		dms[i] = regexp.MustCompile(`\b[0-9a-f]{8}\b`).ReplaceAllString(d, "ORDER")
	}
	slices.Sort(dms)
	return dms
}

func TestDemo_Buy(t *testing.T) {
	t.Parallel()
	for _, via := range []string{"nip17", "nip04"} {
		t.Run(via, func(t *testing.T) {
			t.Parallel()
			out := plays(t, purchase, "--dm", via)
			dms := said(out)
			require.Len(t, dms, 7, "%s", out)
			require.Contains(t, out, "you> /menu RO\nbot> Operators in Romania:\n")
			require.Contains(t, out, "\n     vodafone-romania-ro - Vodafone: 5, 10, 20 EUR")
			last := out[strings.LastIndex(out, "bot> "):]
			require.Contains(t, last, "delivered")
		})
	}
}

func TestDemo_KilledAnywhere(t *testing.T) {
	t.Parallel()
	lines := []int{0, 1, 2, 3, 4, 5, 6}
	vias := []string{"nip17", "nip04"}
	if !full {
		lines, vias = []int{4, 5}, vias[:1]
	}
	for _, via := range vias {
		want := said(plays(t, purchase, "--dm", via))
		for _, i := range lines {
			for how, script := range map[string][]string{
				"between":    slices.Insert(slices.Clone(purchase), i, ":crash"),
				"after it":   slices.Insert(slices.Clone(purchase), i, ":crash!"),
				"after it 2": slices.Replace(slices.Clone(purchase), i, i+1, ":crash! "+purchase[i]),
			} {
				t.Run(fmt.Sprintf("%s/line %d/%s", via, i+1, how), func(t *testing.T) {
					t.Parallel()
					out := plays(t, script, "--dm", via)
					require.Equal(t, want, said(out), "%s", out)
				})
			}
		}
	}
}

func TestDemo_KilledAtEveryLine(t *testing.T) {
	t.Parallel()
	for _, via := range []string{"nip17", "nip04"} {
		t.Run(via, func(t *testing.T) {
			t.Parallel()
			var script []string
			for _, l := range purchase {
				script = append(script, ":crash", ":crash! "+l)
			}
			require.Equal(t, said(plays(t, purchase, "--dm", via)), said(plays(t, script, "--dm", via)))
		})
	}
}

func TestDemo_Refund(t *testing.T) {
	t.Parallel()
	for _, where := range []string{":address", ":lnurl"} {
		for _, crash := range []string{"", ":crash! "} {
			t.Run(where+crash, func(t *testing.T) {
				t.Parallel()
				script := slices.Concat([]string{":balance"}, purchase[:6],
					[]string{":wait send me a lightning address", ":balance", crash + where, crash + ":wait refund sent", ":balance"})
				out := plays(t, script, "--fail", "supplier")
				balances := regexp.MustCompile(`(?m)^balance: (\d+) sat$`).FindAllStringSubmatch(out, -1)
				require.Len(t, balances, 3, "%s", out)
				require.NotEqual(t, balances[0][1], balances[1][1], "the invoice was paid")
				require.Equal(t, balances[0][1], balances[2][1], "and the money came back")
				require.Contains(t, out[strings.LastIndex(out, "bot> "):], "refund sent")
				require.Len(t, said(out), 9, "%s", out)
			})
		}
	}
}

func TestDemo_BadInputIsAnswered(t *testing.T) {
	t.Parallel()
	for name, script := range map[string][]string{
		"unknown SKU":           {"/buy nothing-xx", ":wait do not know that operator"},
		"no SKU":                {"/buy", ":wait usage: /buy SKU"},
		"unknown country":       {"/menu XX", ":wait do not cover that country"},
		"amount outside":        {"/buy vodafone-romania-ro", "4", ":wait 1 to 3", "0", ":wait 1 to 3", "-1", ":wait 1 to 3", "99999999999999999999", ":wait 1 to 3", "1", ":wait phone number"},
		"no phone number":       {"/buy vodafone-romania-ro", "1", "hello there", ":wait not a phone number", "+40712345678", ":wait please check"},
		"another country":       {"/buy vodafone-romania-ro", "1", "+5511987654321", ":wait not from Romania", "+40712345678", ":wait please check"},
		"no mobile":             {"/buy vodafone-romania-ro", "1", "+40213456789", ":wait not a mobile", "/cancel", ":wait cancelled"},
		"confirm out of step":   {"/confirm", ":wait nothing to confirm", "/buy vodafone-romania-ro", "yes", ":wait nothing to confirm", "2", ":wait phone number"},
		"cancel an invoice":     {"/buy vodafone-romania-ro", "1", "+40712345678", "/confirm", "/cancel", ":wait can still be paid", "/cancel", ":wait nothing is being bought"},
		"confirm twice":         {"/buy vodafone-romania-ro", "1", "+40712345678", "/confirm", ":wait please pay", "/confirm", ":wait still waits", ":pay", ":wait delivered", "/confirm", ":wait nothing to confirm"},
		"invoice as address":    {"/buy vodafone-romania-ro", "1", "+40712345678", "/confirm", ":pay", ":wait send me a lightning address", "lnbcrt1invoice", ":wait not look like", ":address", ":wait refund sent"},
		"bad addresses":         {"/buy vodafone-romania-ro", "1", "+40712345678", "/confirm", ":pay", ":wait send me a lightning address", "nobody", ":wait not look like", "bob@localhost", ":wait", "a@b", ":address", ":wait refund sent"},
		"address without order": {":address", ":wait none of your orders"},
		"somebody else's order": {"/status 0123abcd", ":wait no order of yours"},
		"control characters":    {"\x01\x02\x1b[2J\x7f", ":wait did not understand"},
		"broken UTF-8":          {"\xff\xfe\xfd", ":wait did not understand"},
		"100 kB":                {strings.Repeat("x", 100_000), ":wait too long"},
		"100 kB command":        {"/menu " + strings.Repeat("x", 100_000), ":wait too long"},
	} {
		for _, via := range []string{"nip17", "nip04"} {
			if via == "nip04" && !full {
				continue
			}
			t.Run(name+"/"+via, func(t *testing.T) {
				t.Parallel()
				args := []string{"--dm", via}
				if strings.Contains(name, "address") && name != "address without order" {
					args = append(args, "--fail", "supplier")
				}
				script = slices.DeleteFunc(slices.Clone(script), func(l string) bool { return l == ":wait" })
				// Nothing is lost: a purchase works after it.
				if !slices.Contains(script, ":pay") {
					script = slices.Concat(script, purchase)
				}
				plays(t, script, args...)
			})
		}
	}
}

func TestDemo_Expiry(t *testing.T) {
	t.Parallel()
	out := plays(t, slices.Concat(purchase[:5], []string{":wait expired unpaid", "/status", ":wait expired unpaid", "/confirm", ":wait nothing to confirm"}, purchase), "--expiry", "2s")
	require.Regexp(t, `within [123] seconds`, out)

	out, code := program(t, strings.Join(slices.Concat(purchase[:5], []string{":wait expired", ":pay"}), "\n"), "demo", "--script", "-", "--expiry", "1s")
	require.Equal(t, 1, code)
	require.Contains(t, out, "line 7 (:pay): ")
	require.Contains(t, out, "expired")
}

func TestDemo_UnpaidInvoicesAreLimited(t *testing.T) {
	t.Parallel()
	var script []string
	for range 5 {
		script = append(script, purchase[1:5]...)
		script = append(script, ":wait please pay")
	}
	script = append(script, purchase[1:5]...)
	plays(t, append(script, ":wait 5 unpaid invoices", ":pay", ":wait delivered", "/confirm", ":wait please pay"))
}

func TestDemo_Commands(t *testing.T) {
	t.Parallel()
	plays(t, []string{
		"gm", ":wait welcome", "/START", ":wait welcome", " Help ", ":wait /buy SKU", "/menu", ":wait I cover 18 countries", "menu ro", ":wait operators in romania",
		"/cart", ":wait cart is empty", "/buy orange-romania-ro", "/cart", ":wait which amount", "2", "/cart", ":wait Orange 7 EUR", "/clear", ":wait empty now",
		"/status", ":wait no orders", "no", ":wait cancelled", "/nonsense", ":wait did not understand",
	})
}

func TestDemo_EndsWellWhateverTheLastLine(t *testing.T) {
	t.Parallel()
	for _, script := range [][]string{{"hi", ":crash"}, {":balance"}, {":crash", ":crash"}, {":crash! hi"}, {""}} {
		plays(t, script)
	}
}

func TestDemo_ScriptThatFails(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		":pay":     "line 1 (:pay): there is no invoice to pay",
		"\n:foo":   "line 2: :foo: there is no such line",
		":crash!":  "line 1: :crash! wants a line",
		":wait":    "line 1: :wait: say which text",
		":pay now": "line 1: :pay takes nothing after it",
	} {
		out, code := program(t, script, "demo", "--script", "-")
		require.Equal(t, 1, code, "%s", out)
		require.Contains(t, out, want)
	}
	out, code := program(t, "", "demo")
	require.Equal(t, 1, code)
	require.Contains(t, out, "--script")
	out, code = program(t, "", "demo", "--script", "/nowhere/at/all")
	require.Equal(t, 1, code)
	require.Contains(t, out, "/nowhere/at/all")
}
