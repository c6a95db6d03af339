package nostrbot

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// argType is what a pattern means by NAME:type.
type argType struct {
	hint  string
	value reflect.Type
	parse func(word string) (value any, ok bool)
}

func builtInTypes() map[string]*argType {
	return map[string]*argType{
		"word": newArgType(textWord, func(s string) (string, error) { return s, nil }),
		"int":  newArgType(textInt, strconv.Atoi),
		"npub": newArgType(textNpub, parseNpub),
	}
}

func newArgType[T any](hint string, parse func(string) (T, error)) *argType {
	return &argType{hint, reflect.TypeFor[T](), func(word string) (any, bool) {
		v, err := parse(word)
		return v, err == nil
	}}
}

// parseNpub takes the nostr: form too, which clients put in for a mention
// (NIP-21).
func parseNpub(s string) (PubKey, error) { return ParsePubKey(strings.TrimPrefix(s, "nostr:")) }

// ArgType declares a type for the arguments of patterns that are declared
// after it.
//
//	nostrbot.ArgType(bot, "country", "a country such as RO", parseCountry)
//	bot.Command("menu [CC:country]", "what I have", menu)
//
// hint completes the sentence "CC must be ..." with which a customer is told of
// a value that parse refuses; parse's own error is not shown. It may be the id
// of one of [Config].Texts. With NAME:type... parse is given the rest of the
// line. parse may run several times for one message and must not have effects.
//
// A name that is taken or empty, an empty hint, a nil parse, or a call after
// Run panics and says what to do.
func ArgType[T any](b *Bot, name, hint string, parse func(string) (T, error)) {
	b.wiring("ArgType")
	switch {
	case name == "" || strings.ContainsAny(name, ":[]/|. \t\n"):
		panic(fmt.Sprintf("nostrbot: ArgType(%q): name it by one word, such as \"country\"", name))
	case b.router.types[name] != nil:
		panic(fmt.Sprintf("nostrbot: ArgType(%q): there is such a type already; choose another name", name))
	case hint == "" || parse == nil:
		panic(fmt.Sprintf("nostrbot: ArgType(%q): give a hint for customers and a function that parses", name))
	}
	b.router.types[name] = newArgType(hint, parse)
}

// Arg is the value of the argument that the command's pattern names so: a
// string for a word, an int for :int, a [PubKey] for :npub, what parse returned
// for a type of [ArgType]. It is the zero value when the argument is optional
// and is not there; [Message.Arg] is "" then.
//
// A name that the pattern does not have, or another T than its type's, is a
// mistake of the program: Arg panics and says which. The bot turns a panic into
// a failed run of the handler.
func Arg[T any](m *Message, name string) T {
	kind := m.argKind(name)
	if kind == nil {
		panic(fmt.Sprintf("nostrbot: Arg(%q): the command's pattern has no such argument; add it there", name))
	}
	if want := reflect.TypeFor[T](); want != kind.value {
		panic(fmt.Sprintf("nostrbot: Arg[%v](%q): the pattern makes it a %v; use Arg[%v], or another type in the pattern",
			want, name, kind.value, kind.value))
	}
	v, _ := m.values[name].(T)
	return v
}

func (m *Message) argKind(name string) *argType {
	if m.command == nil {
		return nil
	}
	for _, a := range m.command.args {
		if a.name == name {
			return a.kind
		}
	}
	return nil
}
