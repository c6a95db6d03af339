package lnaddr_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/lnaddr"
)

const about = `[[\"text/plain\",\"to alice\"],[\"text/identifier\",\"alice@wallet.example\"]]`

// params is a good first answer with fields replaced or added; an empty value
// takes the field away.
func params(change ...string) string {
	fields := map[string]string{
		"tag": `"payRequest"`, "callback": `"https://wallet.example/cb?k=v"`, "minSendable": "1000", "maxSendable": "2000",
		"metadata": `"` + about + `"`,
	}
	for i := 0; i < len(change); i += 2 {
		fields[change[i]] = change[i+1]
	}
	var parts []string
	for k, v := range fields {
		if v != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", k, v))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestReadParams(t *testing.T) {
	t.Parallel()
	p, err := lnaddr.ReadParams([]byte(params("commentAllowed", "32")))
	require.NoError(t, err)
	require.EqualValues(t, 1000, p.Min)
	require.EqualValues(t, 2000, p.Max)
	require.Equal(t, 32, p.Comment)
	require.Equal(t, "to alice", p.About)
	require.Equal(t, "https://wallet.example/cb?k=v", p.Callback())

	for _, body := range []string{
		params("status", `"OK"`),
		params("status", "200"),
		params("minSendable", "1000.0", "maxSendable", "2e3"),
		params("maxSendable", "99999999999999999999999"),
		params("commentAllowed", `"yes"`), params("commentAllowed", "null"), params("commentAllowed", "-1"),
		params("payerData", "[]"), params("payerData", "null"), params("payerData", "false"),
		params("payerData", `{"name":{"mandatory":false},"email":null,"auth":{"mandatory":null},"pubkey":{}}`),
		params("callback", `"https://other.example/cb"`), params("callback", `"https://ab.io"`),
		params("callback", `"https://wallet.example:443/cb"`),
		params("metadata", `"[[\"text/plain\",\"\"],[\"image/png;base64\",\"`+strings.Repeat("A", 136536)+`\"],[],[1],[\"x\",{}]]"`),
		params("extra", `{"deep":[[[]]]}`),
	} {
		_, err := lnaddr.ReadParams([]byte(body))
		require.NoError(t, err, "%.300s", body)
	}
}

func TestReadParamsRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", " ", "null", "{}", "[]", "1", `"x"`, "<html>", `{"tag":"payRequest"`, params() + params(), strings.Repeat("[", 1<<20),
		params("tag", ""), params("tag", `"withdrawRequest"`), params("tag", `"login"`), params("tag", "7"),
		params("callback", ""), params("callback", `""`), params("callback", `"http://wallet.example/cb"`),
		params("callback", `"https://127.0.0.1/cb"`), params("callback", `"https://169.254.169.254/latest"`), params("callback", `"https://[::1]/"`),
		params("callback", `"https://wallet.example:22/"`), params("callback", `"https://u@wallet.example/"`), params("callback", `"//wallet.example"`),
		params("callback", `"/cb"`), params("callback", `"file:///etc/passwd"`), params("callback", `"https://localhost/"`),
		params("callback", `"https://abc.onion/"`), params("callback", `"https://wallet.example/a b"`), params("callback", `"https://wallet.example/\r\nX: y"`),
		params("callback", `"https://wallet.example/#x"`), params("callback", "7"),
		params("minSendable", ""), params("minSendable", "0"), params("minSendable", "-1"), params("minSendable", "2001"), params("minSendable", "0.5"),
		params("minSendable", "1000.5"), params("minSendable", `"1000"`), params("minSendable", "null"), params("minSendable", "true"),
		params("minSendable", "[1000]"), params("minSendable", "1e999999999"), params("minSendable", "1e-3"), params("maxSendable", "999"),
		params("maxSendable", ""), params("maxSendable", "-99999999999999999999999"), params("maxSendable", "1e100000"), params("maxSendable", "1"+strings.Repeat("0", 50)),
		params("metadata", ""), params("metadata", `""`), params("metadata", `"[]"`), params("metadata", `"{}"`), params("metadata", `"[[]]"`),
		params("metadata", `[["text/plain","x"]]`), params("metadata", `"[[\"text/plain\"]]"`), params("metadata", `"[[\"text/plain\",7]]"`),
		params("metadata", `"[[\"text/plain\",\"a\"],[\"text/plain\",\"b\"]]"`), params("metadata", `"[\"text/plain\",\"a\"]"`),
		params("metadata", `"[[\"text/long-desc\",\"a\"]]"`),
	} {
		p, err := lnaddr.ReadParams([]byte(body))
		require.ErrorIs(t, err, lnaddr.ErrAnswer, "%.300s", body)
		require.Zero(t, p)
	}
	for _, data := range []string{
		`{"name":{"mandatory":true}}`, `{"auth":{"mandatory":true,"k1":"00"}}`, `{"email":{"mandatory":false},"new":{"mandatory":true}}`,
		`{"name":{"mandatory":1}}`, `{"name":{"mandatory":"yes"}}`,
	} {
		_, err := lnaddr.ReadParams([]byte(params("payerData", data)))
		require.ErrorIs(t, err, lnaddr.ErrPayerData, data)
	}
}

func TestRefusalsOfTheService(t *testing.T) {
	t.Parallel()
	for body, reason := range map[string]string{
		`{"status":"ERROR","reason":"no such user"}`:                      "no such user",
		`{"status":"error","reason":"no such user"}`:                      "no such user",
		`{"Status":"Error","Reason":"no such user"}`:                      "no such user",
		`{"status":"ERROR"}`:                                              "",
		`{"status":"ERROR","reason":{"code":1}}`:                          "",
		`{"status":"ERROR","tag":7,"reason":"x"}`:                         "x",
		`{"status":"ERROR","reason":"a\n\u0007b\u202e c\u0000  d "}`:      "a b c d",
		`{"status":"ERROR","reason":"` + strings.Repeat("é", 5000) + `"}`: strings.Repeat("é", 200),
		params("status", `"ERROR"`, "reason", `"closed"`):                 "closed",
	} {
		_, err := lnaddr.ReadParams([]byte(body))
		require.ErrorIs(t, err, lnaddr.ErrRefused, body)
		var e *lnaddr.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, reason, e.Reason)
		if reason != "" {
			require.NotContains(t, err.Error(), reason, "it may name the customer")
			require.Contains(t, lnaddr.CustomerText(err), reason)
		}
	}
}

func TestAccepts(t *testing.T) {
	t.Parallel()
	p, err := lnaddr.ReadParams([]byte(params()))
	require.NoError(t, err)
	for amount, ok := range map[int64]bool{
		math.MinInt64: false, -1: false, 0: false, 999: false, 1000: true, 1500: true, 2000: true, 2001: false, math.MaxInt64: false,
	} {
		err := p.Accepts(amount)
		require.Equal(t, ok, err == nil, amount)
		if err != nil {
			var e *lnaddr.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, lnaddr.Error{Step: lnaddr.StepResolve, Kind: lnaddr.ErrRange, Min: 1000, Max: 2000}, *e)
		}
	}
	require.ErrorIs(t, lnaddr.Params{}.Accepts(0), lnaddr.ErrRange, "the zero value takes nothing")
	require.ErrorIs(t, lnaddr.Params{}.Accepts(1), lnaddr.ErrRange)
}

// However a service writes a number, it is the number that math/big reads.
func TestIntegersAreExact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		"1000": 1000, "1000.0": 1000, "1000.000": 1000, "1e3": 1000, "1E+3": 1000, "1000000e-3": 1000, "1.5e1": 15, "-7": -7, "0": 0, "-0": 0,
		"9007199254740993": 9007199254740993, "9007199254740993.0": 9007199254740993, // 2^53+1: no float holds it
		"9223372036854775807": math.MaxInt64, "9223372036854775808": math.MaxInt64, "1e30": math.MaxInt64, "-1e30": math.MinInt64,
	} {
		got, err := lnaddr.Integer(json.RawMessage(in))
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		got, err := lnaddr.Integer(json.RawMessage(s))
		exact, ok := new(big.Rat).SetString(s)
		require.True(t, ok)
		if !exact.IsInt() {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		if n := exact.Num(); n.IsInt64() {
			require.Equal(t, n.Int64(), got)
		}
	})
}

func TestCleanTextIsShowable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 50).Draw(t, "limit")
		s := lnaddr.Clean(rapid.String().Draw(t, "text"), limit)
		require.True(t, utf8.ValidString(s))
		require.LessOrEqual(t, utf8.RuneCountInString(s), limit)
		require.False(t, strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }))
	})
	require.Equal(t, "a b", lnaddr.Clean(" a \u200b\t b\u202e\x00\n", 10))
}

func FuzzParams(f *testing.F) {
	f.Add([]byte(params()))
	f.Add([]byte(params("payerData", `{"name":{"mandatory":true}}`, "commentAllowed", "12.0")))
	f.Add([]byte(`{"status":"ERROR","reason":"x"}`))
	f.Add([]byte(params("minSendable", "1e-99", "metadata", `"[[[[[["`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := lnaddr.ReadParams(body)
		if err != nil {
			require.Zero(t, p)
			require.NotEmpty(t, lnaddr.CustomerText(err))
			return
		}
		require.True(t, 1 <= p.Min && p.Min <= p.Max && p.Comment >= 0)
		require.True(t, strings.HasPrefix(p.Callback(), "https://") || strings.Contains(p.Callback(), ".onion"))
		require.NoError(t, p.Accepts(p.Min))
		require.NoError(t, p.Accepts(p.Max))
	})
}
