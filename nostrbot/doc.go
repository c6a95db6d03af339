// Package nostrbot is for bots that live in Nostr direct messages: shops,
// helpers, anything a person talks to from the client they already have.
//
//	bot, err := nostrbot.New(nostrbot.Config{
//		Signer: nostrbot.Nsec(os.Getenv("BOT_NSEC")),
//		Relays: []string{"wss://nos.lol", "wss://relay.damus.io"},
//	})
//	if err != nil { ... }
//	bot.Command("ping", "check that I am awake", nostrbot.Say("pong"))
//	err = bot.Run(ctx)
//
// A customer may write by NIP-17 or by NIP-04; the answer goes out the way
// they last wrote. Handlers see neither.
//
// # What holds
//
// One mailbox per customer. Messages of one public key are handled one at a
// time and in the order in which they were first accepted; different
// customers in parallel, at most [Config].Parallel at once. A panic or a stuck
// call in one mailbox touches no other.
//
// One commit. A handler stages replies with [Message.Reply] and changes its
// [Chat] state. When it returns nil, the new state, the sealed replies and the
// mark "this message is done" are written to the [Store] together, or not at
// all. Only then do the replies leave.
//
// Nothing lost, nothing twice. A crash before the commit means that the
// message is handled again, with the same [Message.Key]; a crash after it
// means that the same sealed bytes are published again, which relays and
// clients know as one message. Until it is delivered it stays in the outbox,
// across restarts, with backoff, for 14 days; [Bot.Delivery] tells how it
// stands.
//
// Delivered means that a relay which the customer reads said OK true. Where
// they read, their relay lists say: kind 10050 for NIP-17, else the read relays
// of kind 10002. If the relays say that there is no list, it is where their
// message came from. If nobody can say, the reply goes there too, but counts
// only after some rounds. A list is looked up when a message comes in and
// remembered for an hour; relays in it that are not the bot's own, three at
// most, are dialled through a guard that connects to public addresses only.
//
// A relay holds up nobody. The first OK that counts lets the customer's next
// reply go, slower relays are waited for on the side. A relay that wants proof
// of work or another date gets a new wrap around the same message; one that
// limits our rate is given the pauses it asks for, by all replies together. A
// reply that no relay takes lets the later ones pass after four rounds. So
// replies of one customer and one protocol leave in order, save for such.
//
// The inbox is never deaf. Each relay is asked for everything since it was last
// whole, also after a restart. A relay that says it listens and delivers
// nothing is found out by a message that the bot sends to itself through it
// (see [Config].Canary), connected anew, and shown in [Bot.Health].
//
// Who wrote is proven. A message reaches a handler only after its id, its
// signature and, for NIP-17, the tie between seal and rumor were checked; see
// package dm.
//
// Many processes, one bot. Processes with the same key that share a Store, such
// as that of package redisstore, share the work: each message is committed by
// exactly one of them, and when one dies the others finish what it began; see
// [Claimer].
//
// How durable all this is, the Store says: [NewMemory] forgets at exit;
// packages sqlitestore and redisstore do not.
//
// # Middleware and commands
//
// A command is declared by its pattern: "pay AMOUNT:int [TO:npub]" has typed
// arguments ([Arg]; [ArgType] for types of your own), and usage and help come
// from the declaration. Middleware ([Bot.Use]) lies around handlers; a [Group]
// is commands with middleware, and maybe a heading, of their own. Ready are
// [RateLimit], [ProofOfWork], [MaxAge], [MaxText], [Allow], [Block],
// [LoopBreaker], [Timeout], [Log] and [Recover]:
//
//	bot.Use(nostrbot.Log(logger), nostrbot.LoopBreaker(8, time.Minute), nostrbot.RateLimit(20, time.Minute))
//	money := bot.Group(nostrbot.MaxAge(10*time.Minute, "")).Heading("Orders")
//	money.Command("buy SKU", "order it", buy)
//
// Middleware runs again with its handler. Those that count judge a message once,
// by its id; one of your own must do so too.
//
// # Languages
//
// [Message.Say] answers with a text by its id, in the customer's language, which
// [Message.SetLang] sets and the conversation keeps. [Config].Texts has the
// texts; package i18n reads them from files. The library's own sentences
// ([Sentences]) have ids as well. Wherever a declaration takes a text (a
// summary, a heading, [Say]), it may be an id.
//
// # Watching it
//
// [Bot.HealthHandler] is for probes, [Hook] for alarms, package metrics for
// Prometheus. No log of the library holds a message's text or a secret key.
//
// # Flows
//
// A conversation of several steps is a [Flow]: steps are data, what they do is
// functions on the author's own typed state.
//
//	orders := nostrbot.NewFlow("order",
//		nostrbot.Step[order]{Name: "pick", Prompt: "espresso or latte?", Text: pick, Within: 15 * time.Minute},
//		nostrbot.Step[order]{Name: "pay", Prompt: "I brew as soon as it is paid.", NoBack: true,
//			On: nostrbot.Signals[order]{"settled": brew, "expired": nostrbot.End[order]("Too late.")}},
//	)
//	bot.Flow("order", "order a coffee", orders)
//
// A run of a flow is part of the customer's conversation, so all of the above
// holds for it: a step's state, its replies and where the run goes are one
// commit. What happens outside reaches a run by its own key and never by the
// customer ([Flow.Signal]): a late payment for an abandoned order cannot
// confirm the next one. It is handled once, or the caller hears [ErrNoRun]: an
// order that is gone. Deadlines ([Step].Within) are kept in the Store and go by
// [Config].Clock; after a downtime, what customers sent in time is heard before
// they are told that it is too late. [Bot.Flow] says who takes what a customer
// says, [Flow.Version] how runs survive a change of the bot.
//
// # What a handler must do
//
// A handler may run again for one message: after a crash before the commit,
// after an error, or after [ErrConflict]. What it does outside (create an
// invoice, place an order) must be keyed by [Message.Key], which is the same
// each time. What belongs to a run of a flow is keyed by [Chat].Key, the same in
// all its steps.
package nostrbot
