package nostrbot

import (
	"fmt"
	"strings"
)

// pattern is a command's shape: "buy SKU", "menu [CC]", "confirm|yes|y".
type pattern struct {
	names    []string // the command and its aliases, lower case
	args     []string
	required int // how many of args must be there
	rest     bool
}

// parsePattern reads what a bot author declared; its errors are wiring
// mistakes and say the remedy.
func parsePattern(s string) (pattern, error) {
	var p pattern
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return p, fmt.Errorf("the pattern is empty; write it like \"buy SKU\"")
	}
	for name := range strings.SplitSeq(fields[0], "|") {
		if name == "" || strings.HasPrefix(name, "/") || name != strings.ToLower(name) {
			return p, fmt.Errorf("name %q: write it in lower case and without the slash; customers may type either", name)
		}
		p.names = append(p.names, name)
	}
	seen := map[string]bool{}
	for i, arg := range fields[1:] {
		if p.rest {
			return p, fmt.Errorf("argument %q comes after %q, which takes the rest of the line; put it last", arg, fields[i])
		}
		name, optional := arg, false
		if strings.HasPrefix(arg, "[") && strings.HasSuffix(arg, "]") {
			name, optional = arg[1:len(arg)-1], true
		}
		if cut, ok := strings.CutSuffix(name, "..."); ok {
			name, p.rest = cut, true
		}
		switch {
		case name == "" || strings.ContainsAny(name, "[]/|."):
			return p, fmt.Errorf("argument %q: write NAME, [NAME] when it is optional, NAME... for the rest of the line", arg)
		case seen[name]:
			return p, fmt.Errorf("argument %q is there twice; give each its own name", name)
		case !optional && p.required < len(p.args):
			return p, fmt.Errorf("argument %q is required but comes after an optional one; put the optional ones last", name)
		}
		seen[name] = true
		p.args = append(p.args, name)
		if !optional {
			p.required = len(p.args)
		}
	}
	return p, nil
}

// usage is how a customer types the command.
func (p pattern) usage() string {
	var b strings.Builder
	b.WriteString("/" + p.names[0])
	for i, a := range p.args {
		if p.rest && i == len(p.args)-1 {
			a += "..."
		}
		if i >= p.required {
			a = "[" + a + "]"
		}
		b.WriteString(" " + a)
	}
	return b.String()
}

// bind gives the words after the command's name to its arguments; ok is false
// when there are too few or too many.
func (p pattern) bind(words []string) (args map[string]string, ok bool) {
	if len(words) < p.required || len(words) > len(p.args) && !p.rest {
		return nil, false
	}
	args = make(map[string]string, len(p.args))
	for i, w := range words {
		if p.rest && i == len(p.args)-1 {
			args[p.args[i]] = strings.Join(words[i:], " ")
			break
		}
		args[p.args[i]] = w
	}
	return args, true
}

// split reads a customer's text as a possible command: its first word in lower
// case without the slash, whether there was one, and the words that follow.
func split(text string) (name string, slash bool, words []string) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return "", false, nil
	}
	name, slash = strings.CutPrefix(fields[0], "/")
	return strings.ToLower(name), slash, fields[1:]
}
