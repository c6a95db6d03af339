package nostrbot

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// router finds the handler for a text. It is built before Run and only read
// after it.
type router struct {
	root     Group
	types    map[string]*argType
	byName   map[string]*command
	commands []*command
	fallback Handler
	closed   sync.Once // nothing is declared any more
}

// command is what one pattern declares.
type command struct {
	pattern
	group   *Group
	summary string
	handler Handler // with all middleware around it
}

func (r *router) init(b *Bot) {
	r.root.bot = b
	r.byName = map[string]*command{}
	r.types = builtInTypes()
}

// Command answers the messages that begin with the pattern's first word. The
// slash is optional and case does not matter: "/ping", "ping" and " PING "
// are the same.
//
//	bot.Command("ping", "check that I am awake", nostrbot.Say("pong"))
//	bot.Command("menu [CC]", "countries, or one country's operators", menu)
//	bot.Command("buy SKU", "choose an operator", buy)
//	bot.Command("confirm|yes|y|ok", "go ahead", confirm) // aliases
//	bot.Command("say WORDS...", "repeat me", say)        // all that follows, one space between words
//	bot.Command("pay AMOUNT:int [TO:npub]", "send sats", pay)
//
// An argument is a word, unless a type says more: int, npub, or one of the
// author's own (see [ArgType]). The handler reads arguments with [Arg], or as
// they were typed with [Message.Arg]. A value that its type refuses is answered
// with what it should be, and the usage; the handler does not run.
//
// When the number of words does not fit, a message with a slash is answered
// with the usage; one without is plain talk and goes to the [Bot.Fallback].
//
// The summary stands in the help; without one the command is not listed. It may
// be the id of one of [Config].Texts.
//
// A faulty pattern, a name that is taken, a nil handler, or a call after Run
// panics and says what to do.
func (b *Bot) Command(pattern, summary string, h Handler) { b.router.root.Command(pattern, summary, h) }

// Fallback answers whatever is no command. Without one, the bot says that it
// did not understand and names /help. It may be set once.
func (b *Bot) Fallback(h Handler) {
	b.wiring("Fallback")
	if h == nil || b.router.fallback != nil {
		panic("nostrbot: Fallback: pass one function, once; decide inside it what to do")
	}
	b.router.fallback = b.wrap(h)
	b.router.root.used = true
}

// Use puts middleware around every handler declared after it; the first one
// given is the outermost. Since it would do nothing for handlers declared
// before, it panics when there are any.
func (b *Bot) Use(mw ...Middleware) { b.router.root.Use(mw...) }

// Group is the root group's; see [Group.Group].
func (b *Bot) Group(mw ...Middleware) *Group { return b.router.root.Group(mw...) }

// Answer does with m what Run does with a message: it finds the command, runs
// the middleware and the handler. Nothing is loaded, committed or sent; the
// replies are in m. It is for tests without relays. After the first call
// nothing can be declared any more.
func (b *Bot) Answer(ctx context.Context, m *Message) error {
	b.finish()
	m.texts, m.log = b.cfg.Texts, b.log
	if m.ReceivedAt.IsZero() {
		m.ReceivedAt = b.now()
	}
	m.walks.now = b.now()
	return b.route(m)(ctx, m)
}

func (b *Bot) wrap(h Handler) Handler { return b.router.root.wrap(h) }

// finish adds what the author left to the library. After it nothing can be
// declared.
func (b *Bot) finish() {
	b.router.closed.Do(func() {
		if b.router.byName["help"] == nil {
			b.Command("help", textHelp, func(_ context.Context, m *Message) error {
				m.Reply(b.router.help(m))
				return nil
			})
		}
		if b.router.fallback == nil {
			b.Fallback(Say(textUnknown))
		}
		b.flows.converse = b.wrap(b.converse)
		b.declared.Store(true)
	})
}

func (b *Bot) wiring(method string) {
	if b.declared.Load() {
		panic("nostrbot: " + method + ": the bot is running; declare everything before Run")
	}
}

// takes tells whether a text is a command with arguments that fit.
func (r *router) takes(text string) bool {
	name, _, words := split(text)
	c := r.byName[name]
	if c == nil {
		return false
	}
	_, ok := c.bind(words)
	return ok
}

// route finds the handler and notes the command and its words in m. What comes
// from the bot's author runs in the handler only, where a panic is caught.
func (r *router) route(m *Message) Handler {
	name, slash, words := split(m.Text)
	c := r.byName[name]
	if c == nil {
		return r.fallback
	}
	args, ok := c.bind(words)
	if !ok && !slash {
		return r.fallback
	}
	m.command, m.args = c, args
	return c.handler
}

// answer is the innermost handler: it reads the arguments, so that a bad one
// went through all middleware, too.
func (c *command) answer(h Handler) Handler {
	return func(ctx context.Context, m *Message) error {
		if m.args == nil {
			m.Say(textUsage, Data{"Usage": c.usage()})
			return nil
		}
		m.values = make(map[string]any, len(m.args))
		for _, a := range c.args {
			raw, ok := m.args[a.name]
			if !ok {
				continue
			}
			v, ok := a.kind.parse(raw)
			if !ok {
				m.Say(textBadArgument, Data{"Name": a.name, "Want": m.translate(a.kind.hint), "Usage": c.usage()})
				return nil
			}
			m.values[a.name] = v
		}
		return h(ctx, m)
	}
}

// Help lists the commands that have a summary, in the order of their
// declaration, one a line; those of groups with a heading come after the
// others, under it.
func (b *Bot) Help() string { return b.router.help(&Message{texts: b.cfg.Texts, log: b.log}) }

// help is in m's language.
func (r *router) help(m *Message) string {
	headings := []string{""}
	lines := map[string][]string{}
	for _, c := range r.commands {
		if c.summary == "" {
			continue
		}
		h := c.group.title()
		if h != "" && lines[h] == nil {
			headings = append(headings, h)
		}
		lines[h] = append(lines[h], c.usage()+" - "+m.translate(c.summary))
	}
	var sections []string
	for _, h := range headings {
		section := lines[h]
		if h != "" {
			section = append([]string{m.translate(h)}, section...)
		}
		if len(section) > 0 {
			sections = append(sections, strings.Join(section, "\n"))
		}
	}
	return strings.Join(sections, "\n\n")
}

func (r *router) declare(c *command) {
	for _, name := range c.names {
		if r.byName[name] != nil {
			panic(fmt.Sprintf("nostrbot: Command(%q): %q is declared already; rename one of the two", c.source, name))
		}
		r.byName[name] = c
	}
	r.commands = append(r.commands, c)
}
