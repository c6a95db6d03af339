package dm

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// unnumber takes the markers off and checks them.
func unnumber(t require.TestingT, parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	var text strings.Builder
	for i, part := range parts {
		piece, ok := strings.CutPrefix(part, fmt.Sprintf("(%d/%d)\n", i+1, len(parts)))
		require.True(t, ok, "%q", part)
		text.WriteString(piece)
	}
	return text.String()
}

func TestSplit(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("x", 39) + "\n"
	word := strings.Repeat("y", 19) + " "
	require.Equal(t, []string{"short"}, Split("short", 0))
	require.Equal(t, []string{strings.Repeat("x", SafeText)}, Split(strings.Repeat("x", SafeText), 0))
	require.Len(t, Split(strings.Repeat("x", SafeText+1), 0), 2)
	for _, part := range Split(strings.Repeat(line, 20), 100)[:9] {
		require.True(t, strings.HasSuffix(part, "x\n"), "at the end of a line: %q", part)
	}
	for _, part := range Split(strings.Repeat(word, 40), 100)[:7] {
		require.True(t, strings.HasSuffix(part, "y "), "words stay whole: %q", part)
	}
	for _, character := range []string{"é", "e\u0301", "👩🏽‍🚀", "🇨🇭", "👨‍👩‍👧‍👦", "\r\n", "각"} {
		text := strings.Repeat(character, 200)
		for _, part := range Split(text, 100) {
			_, piece, _ := strings.Cut(part, ")\n")
			require.Empty(t, strings.ReplaceAll(piece, character, ""), "%+q is cut in %+q", character, part)
		}
		require.Equal(t, text, unnumber(t, Split(text, 100)))
	}
	require.Len(t, Split(strings.Repeat("\u0301", 500), 100), 12, "no end to one character")
}

func TestSplit_PutTogetherIsTheText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"\n", " ", "word ", "line\n", "\x01", "\\\"", "👩🏽‍🚀", "🇨🇭", "e\u0301", "\r\n", "\xff", strings.Repeat("z", 300),
		}))
		text := strings.Join(rapid.SliceOfN(unit, 0, 200).Draw(t, "text"), "")
		limit := rapid.IntRange(-1, 3000).Draw(t, "limit")
		parts := Split(text, limit)
		require.Equal(t, text, unnumber(t, parts))
		if limit == 0 {
			limit = SafeText
		}
		for _, part := range parts {
			require.LessOrEqual(t, TextSize(part), max(limit, 100))
			if utf8.ValidString(text) {
				require.True(t, utf8.ValidString(part), "no rune is cut")
			}
			if len(parts) > 1 {
				_, piece, _ := strings.Cut(part, ")\n")
				require.NotEmpty(t, piece)
			}
		}
	})
}
