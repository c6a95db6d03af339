package nostrbot

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// router finds the handler for a text. It is built before Run and only read
// after it.
type router struct {
	middleware []Middleware
	byName     map[string]*command
	commands   []*command
	fallback   Handler
}

type command struct {
	pattern
	summary string
	handler Handler
}

// Command answers the messages that begin with the pattern's first word. The
// slash is optional and case does not matter: "/ping", "ping" and " PING "
// are the same.
//
//	bot.Command("ping", "check that I am awake", nostrbot.Say("pong"))
//	bot.Command("menu [CC]", "countries, or one country's operators", menu)
//	bot.Command("buy SKU", "choose an operator", buy)
//	bot.Command("confirm|yes|y|ok", "go ahead", confirm) // aliases
//	bot.Command("say WORDS...", "repeat me", say)        // the rest of the line
//
// The handler reads arguments with [Message.Arg]. When the number of words
// does not fit, a message with a slash is answered with the usage; one without
// is plain talk and goes to the [Bot.Fallback].
//
// A faulty pattern, a name that is taken, a nil handler, or a call after Run
// panics and says what to do.
func (b *Bot) Command(pattern, summary string, h Handler) {
	b.wiring("Command")
	p, err := parsePattern(pattern)
	if err != nil {
		panic(fmt.Sprintf("nostrbot: Command(%q): %v", pattern, err))
	}
	if h == nil {
		panic(fmt.Sprintf("nostrbot: Command(%q): the handler is nil; pass a function", pattern))
	}
	c := &command{pattern: p, summary: summary, handler: b.wrap(h)}
	for _, name := range p.names {
		if b.router.byName[name] != nil {
			panic(fmt.Sprintf("nostrbot: Command(%q): %q is declared already; rename one of the two", pattern, name))
		}
		b.router.byName[name] = c
	}
	b.router.commands = append(b.router.commands, c)
}

// Fallback answers whatever is no command. Without one, the bot says that it
// did not understand and names /help. It may be set once.
func (b *Bot) Fallback(h Handler) {
	b.wiring("Fallback")
	if h == nil || b.router.fallback != nil {
		panic("nostrbot: Fallback: pass one function, once; decide inside it what to do")
	}
	b.router.fallback = b.wrap(h)
}

// Use puts middleware around every handler declared after it; the first one
// given is the outermost. Since it would do nothing for handlers declared
// before, it panics when there are any.
func (b *Bot) Use(mw ...Middleware) {
	b.wiring("Use")
	if len(b.router.commands) > 0 || b.router.fallback != nil {
		panic("nostrbot: Use: call it before the first Command and Fallback, or it would not apply to them")
	}
	b.router.middleware = append(b.router.middleware, mw...)
}

// Help lists the commands in the order of their declaration, one a line.
func (b *Bot) Help() string {
	var lines []string
	for _, c := range b.router.commands {
		if c.summary != "" {
			lines = append(lines, c.usage()+" - "+c.summary)
		}
	}
	return strings.Join(lines, "\n")
}

func (b *Bot) wrap(h Handler) Handler {
	for _, mw := range slices.Backward(b.router.middleware) {
		h = mw(h)
	}
	return h
}

// finish adds what the author left to the library.
func (b *Bot) finish() {
	if b.router.byName["help"] == nil {
		b.Command("help", "what I can do", func(_ context.Context, m *Message) error {
			m.Reply(b.Help())
			return nil
		})
	}
	if b.router.fallback == nil {
		b.Fallback(Say("Sorry, I did not understand that. Send /help to see what I can do."))
	}
}

// route finds the handler and fills m's arguments.
func (r *router) route(m *Message) Handler {
	name, slash, words := split(m.Text)
	c := r.byName[name]
	if c == nil {
		return r.fallback
	}
	args, ok := c.bind(words)
	switch {
	case ok:
		m.args = args
		return c.handler
	case slash:
		return Say("Usage: " + c.usage())
	default:
		return r.fallback
	}
}
