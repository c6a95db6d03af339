package demo

import (
	"strings"
	"unicode"
)

// quote prepares foreign text for a terminal: control characters, which could
// move the cursor or worse, become visible and harmless; line ends stay.
func quote(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case r < 0x20:
			return 0x2400 + r // the control pictures: ␀ ␁ ...
		case r == 0x7f:
			return 0x2421
		case unicode.In(r, unicode.C) || r == '\u2028' || r == '\u2029':
			return '\uFFFD'
		}
		return r
	}, text)
}

// indent prints a DM behind its speaker, further lines under the first.
func indent(speaker, text string) string {
	head := speaker + "> "
	return head + strings.ReplaceAll(quote(text), "\n", "\n"+strings.Repeat(" ", len(head)))
}
