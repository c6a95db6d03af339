package nostrbot

import (
	"errors"
	"fmt"
	"strings"
)

// pattern is a command's shape: "buy SKU", "pay AMOUNT:int", "confirm|yes|y".
type pattern struct {
	source   string
	names    []string // the command and its aliases, lower case
	args     []argument
	required int  // how many of args must be there
	rest     bool // the last one takes the rest of the line
}

type argument struct {
	name string
	kind *argType
}

// parsePattern reads what a bot author declared; its errors are wiring
// mistakes and say the remedy.
func parsePattern(s string, types map[string]*argType) (pattern, error) {
	p := pattern{source: s}
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return p, errors.New("the pattern is empty; write it like \"buy SKU\"")
	}
	for name := range strings.SplitSeq(fields[0], "|") {
		if name == "" || strings.HasPrefix(name, "/") || name != strings.ToLower(name) {
			return p, fmt.Errorf("name %q: write it in lower case and without the slash; customers may type either", name)
		}
		p.names = append(p.names, name)
	}
	for i, field := range fields[1:] {
		if p.rest {
			return p, fmt.Errorf("argument %q comes after %q, which takes the rest of the line; put it last", field, fields[i])
		}
		if err := p.addArgument(field, types); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *pattern) addArgument(field string, types map[string]*argType) error {
	name, optional := field, false
	if strings.HasPrefix(field, "[") && strings.HasSuffix(field, "]") {
		name, optional = field[1:len(field)-1], true
	}
	name, p.rest = strings.CutSuffix(name, "...")
	name, typeName, typed := strings.Cut(name, ":")
	if !typed {
		typeName = "word"
	}
	kind := types[typeName]
	switch {
	case name == "" || strings.ContainsAny(name, "[]/|."):
		return fmt.Errorf("argument %q: write NAME or NAME:type, [NAME] when it is optional, NAME... for the rest of the line", field)
	case kind == nil:
		return fmt.Errorf("argument %q: there is no type %q; declare it before, with ArgType", field, typeName)
	case p.has(name):
		return fmt.Errorf("argument %q is there twice; give each its own name", name)
	case !optional && p.required < len(p.args):
		return fmt.Errorf("argument %q is required but comes after an optional one; put the optional ones last", name)
	}
	p.args = append(p.args, argument{name, kind})
	if !optional {
		p.required = len(p.args)
	}
	return nil
}

func (p *pattern) has(name string) bool {
	for _, a := range p.args {
		if a.name == name {
			return true
		}
	}
	return false
}

// usage is how a customer types the command.
func (p *pattern) usage() string {
	var b strings.Builder
	b.WriteString("/" + p.names[0])
	for i, a := range p.args {
		name := a.name
		if p.rest && i == len(p.args)-1 {
			name += "..."
		}
		if i >= p.required {
			name = "[" + name + "]"
		}
		b.WriteString(" " + name)
	}
	return b.String()
}

// bind gives the words after the command's name to its arguments; ok is false
// when there are too few or too many.
func (p *pattern) bind(words []string) (args map[string]string, ok bool) {
	if len(words) < p.required || len(words) > len(p.args) && !p.rest {
		return nil, false
	}
	args = make(map[string]string, len(p.args))
	for i, w := range words {
		name := p.args[i].name
		if p.rest && i == len(p.args)-1 {
			args[name] = strings.Join(words[i:], " ")
			break
		}
		args[name] = w
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
