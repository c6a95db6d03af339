package nostrbot

import (
	"context"
	"fmt"
	"slices"
)

// Group is a part of the bot's commands that has middleware of its own, around
// which the middleware of the bot, and of the groups it stands in, lies.
//
//	operators := bot.Group(nostrbot.Allow(staff)).Heading("For operators")
//	operators.Command("stock SKU", "how many are left", stock)
type Group struct {
	bot        *Bot
	parent     *Group
	heading    string
	middleware []Middleware
	used       bool // a handler was declared in it, or below
}

// Group makes a group inside this one.
func (g *Group) Group(mw ...Middleware) *Group {
	g.bot.wiring("Group")
	inner := &Group{bot: g.bot, parent: g}
	inner.Use(mw...)
	return inner
}

// Heading is what stands above the group's commands in the help, and above
// those of groups inside it that have none. It may be the id of one of
// [Config].Texts. It returns g.
func (g *Group) Heading(text string) *Group {
	g.bot.wiring("Heading")
	g.heading = text
	return g
}

// Use is [Bot.Use] for the group.
func (g *Group) Use(mw ...Middleware) {
	g.bot.wiring("Use")
	if g.used {
		panic("nostrbot: Use: call it before the first Command and Fallback, or it would not apply to them")
	}
	if slices.ContainsFunc(mw, func(m Middleware) bool { return m == nil }) {
		panic("nostrbot: Use: one of the middleware is nil; pass functions")
	}
	g.middleware = append(g.middleware, mw...)
}

// Command is [Bot.Command] in the group. Names are taken by the whole bot, not
// by the group.
func (g *Group) Command(pattern, summary string, h Handler) {
	g.bot.wiring("Command")
	r := &g.bot.router
	p, err := parsePattern(pattern, r.types)
	if err != nil {
		panic(fmt.Sprintf("nostrbot: Command(%q): %v", pattern, err))
	}
	if h == nil {
		panic(fmt.Sprintf("nostrbot: Command(%q): the handler is nil; pass a function", pattern))
	}
	c := &command{pattern: p, group: g, summary: summary}
	c.handler = g.wrap(c.answer(h))
	r.declare(c)
	for ; g != nil; g = g.parent {
		g.used = true
	}
}

// wrap puts the group's middleware around h, and that of the groups it stands
// in around that. The bot's own runs once for a message, also where a flow hands
// the message on to a command.
func (g *Group) wrap(h Handler) Handler {
	for ; g.parent != nil; g = g.parent {
		h = g.around(h)
	}
	inner, outer := h, g.around(h)
	return func(ctx context.Context, m *Message) error {
		if m.wrapped {
			return inner(ctx, m)
		}
		m.wrapped = true
		defer func() { m.wrapped = false }()
		return outer(ctx, m)
	}
}

func (g *Group) around(h Handler) Handler {
	for _, mw := range slices.Backward(g.middleware) {
		h = mw(h)
	}
	return h
}

// title is the nearest heading.
func (g *Group) title() string {
	for ; g != nil; g = g.parent {
		if g.heading != "" {
			return g.heading
		}
	}
	return ""
}
