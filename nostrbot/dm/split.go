package dm

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Split cuts a text into parts of at most limit bytes as [TextSize] counts
// them, marker included; a limit of zero is [SafeText], one below 100 is 100.
// A text that fits comes back as it is. Otherwise each part begins with a line
// such as "(2/3)", and the parts without that line, put together, are the text
// again, byte for byte.
//
// Cuts fall after the last line break that fits into the second half of a
// part, else after the last space there, else between two characters as people
// see them: what is written with several code points stays whole, unless there
// are more than 64 bytes of them.
func Split(text string, limit int) []string {
	if limit == 0 {
		limit = SafeText
	}
	limit = max(limit, 100)
	if TextSize(text) <= limit {
		return []string{text}
	}
	// The marker's length follows from how many parts there are, and the
	// other way round; more digits are tried until they are enough.
	for digits := 1; ; digits++ {
		marker := TextSize("(/)\n") + 2*digits
		pieces := cut(text, limit-marker)
		if len(fmt.Sprint(len(pieces))) > digits {
			continue
		}
		for i, piece := range pieces {
			pieces[i] = fmt.Sprintf("(%d/%d)\n%s", i+1, len(pieces), piece)
		}
		return pieces
	}
}

func cut(text string, limit int) (pieces []string) {
	for {
		n := fitting(text, limit)
		if n == len(text) {
			return append(pieces, text)
		}
		n = cutAt(text, n)
		pieces = append(pieces, text[:n])
		text = text[n:]
	}
}

// fitting is how many bytes of text, whole runes, have at most limit in JSON.
func fitting(text string, limit int) int {
	size := 0
	for i := 0; i < len(text); {
		_, width := utf8.DecodeRuneInString(text[i:])
		if size += jsonLen(text[i : i+width]); size > limit {
			return i
		}
		i += width
	}
	return len(text)
}

// cutAt finds the best place at or before the n-th byte.
func cutAt(text string, n int) int {
	half := n / 2
	if i := strings.LastIndexByte(text[half:n], '\n'); i >= 0 {
		return half + i + 1
	}
	if i := strings.LastIndexFunc(text[half:n], unicode.IsSpace); i >= 0 {
		_, width := utf8.DecodeRuneInString(text[half+i:])
		return half + i + width
	}
	const cluster = 64
	for i := n; i > 0 && i > n-cluster; {
		if separate(text[:i], text[i:]) {
			return i
		}
		_, width := utf8.DecodeLastRuneInString(text[:i])
		i -= width
	}
	return n
}

const zeroWidthJoiner = '\u200d'

// separate tells whether a reader sees two characters where before ends and
// after begins: a shorter form of the rules of Unicode's annex 29.
func separate(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	switch {
	case last == '\r' && next == '\n', last == zeroWidthJoiner, next == zeroWidthJoiner:
		return false
	case unicode.In(next, unicode.Mn, unicode.Me, unicode.Mc):
		return false // accents, vowel signs, variation selectors
	case next >= 0x1f3fb && next <= 0x1f3ff, next >= 0xe0020 && next <= 0xe007f:
		return false // skin tones, tags of flags
	case next >= 0x1160 && next <= 0x11ff:
		return false // vowels and finals of Hangul that is not composed
	case regional(last) && regional(next):
		return countRegional(before)%2 == 0 // flags are pairs
	}
	return true
}

func regional(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

func countRegional(s string) (n int) {
	for n < 64 {
		r, width := utf8.DecodeLastRuneInString(s)
		if !regional(r) {
			return n
		}
		n++
		s = s[:len(s)-width]
	}
	return n
}
