package demo

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]line{
		"/menu RO":            {act: say, text: "/menu RO"},
		" spaced ":            {act: say, text: " spaced "},
		":pay":                {act: pay},
		":pay \r":             {act: pay},
		":wait  some Text ":   {act: wait, text: "some Text"},
		":address":            {act: address},
		":lnurl":              {act: lnurl},
		":balance":            {act: balance},
		":crash":              {act: crash},
		":crash! /buy x":      {act: say, text: "/buy x", killed: true},
		":crash! :pay":        {act: pay, killed: true},
		":crash! :wait hello": {act: wait, text: "hello", killed: true},
	} {
		got, more, err := parseLine(in)
		require.NoError(t, err, in)
		require.False(t, more, in)
		require.Equal(t, want, got, in)
	}
	_, more, err := parseLine(":crash!")
	require.NoError(t, err)
	require.True(t, more)
	for _, bad := range []string{":", ":PAY", ":wait", ":wait ", ":pay x", ":crash now", ":crash! :foo", ":" + strings.Repeat("x", 100)} {
		_, _, err := parseLine(bad)
		require.Error(t, err, bad)
		require.Less(t, len(err.Error()), 200, bad)
	}
}

func TestQuote_LeavesNoControlCharacter(t *testing.T) {
	t.Parallel()
	require.Equal(t, "bot> a\n     b␛[2J␡", indent("bot", "a\nb\x1b[2J\x7f"))
	require.Equal(t, "\uFFFD\uFFFDé😀", quote("\u009b\u202eé😀"))
}

func FuzzQuote(f *testing.F) {
	f.Add("a\tb\nc\x1b]0;title\x07\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		got := quote(s)
		require.True(t, utf8.ValidString(got))
		for _, r := range got {
			require.True(t, r == '\n' || r >= 0x20 && (r < 0x7f || r >= 0xa0), "%q", r)
		}
	})
}

func FuzzParseLine(f *testing.F) {
	for _, s := range []string{"/menu", ":pay", ":crash! :crash! :pay", ":wait x", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, more, err := parseLine(s)
		if err == nil && !more {
			require.NotEmpty(t, l.act)
		}
	})
}
