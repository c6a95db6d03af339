package demo

import (
	"fmt"
	"strings"
)

// act is what a line of a script, or of the terminal, asks for.
type act string

const (
	say     act = "say" // a DM
	pay     act = ":pay"
	wait    act = ":wait"
	address act = ":address"
	lnurl   act = ":lnurl"
	balance act = ":balance"
	crash   act = ":crash"
)

// line is one line of a script.
type line struct {
	act  act
	text string // of say and wait
	// killed says that the bot is killed right after the line was sent.
	killed bool
}

const lineHelp = ":pay :wait TEXT :address :lnurl :balance :crash :crash!"

// parseLine reads a line; more is set when it is a ":crash!" that belongs to
// the line after it.
func parseLine(s string) (l line, more bool, err error) {
	s = strings.TrimRight(s, "\r\n")
	if !strings.HasPrefix(s, ":") {
		return line{act: say, text: s}, false, nil
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	rest = strings.TrimSpace(rest)
	if word == ":crash!" {
		if rest == "" {
			return line{}, true, nil
		}
		l, more, err = parseLine(rest)
		l.killed = true
		return l, more, err
	}
	l = line{act: act(word), text: rest}
	switch l.act {
	case wait:
		if rest == "" {
			return l, false, fmt.Errorf("%s: say which text to wait for", s)
		}
	case pay, address, lnurl, balance, crash:
		if rest != "" {
			return l, false, fmt.Errorf("%s takes nothing after it", word)
		}
	default:
		return l, false, fmt.Errorf("%s: there is no such line; there are %s", quote(clip(word)), lineHelp)
	}
	return l, false, nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
