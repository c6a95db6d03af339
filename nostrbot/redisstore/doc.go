// Package redisstore keeps the conversations, ledger and outbox of a bot in
// Redis, so that several processes serve as one bot. [Store] implements
// nostrbot.Store, nostrbot.Claimer and, in keys of its own, the payments.KV
// contract.
//
//	store, err := redisstore.Open(ctx, "redis://localhost:6379/0", "coffee")
//	if err != nil { ... }
//	defer store.Close()
//	bot, err := nostrbot.New(nostrbot.Config{Store: store, ...})
//	till := payments.NewTill(wallet, store)
//
// # Durability
//
// Each write is one script, which Redis runs whole or not at all. What a call
// wrote has reached Redis when the call returns nil. Whether it survives
// depends on how Redis is set:
//
//	appendonly yes, appendfsync always     nothing acknowledged is lost, also when the power fails
//	appendonly yes, appendfsync everysec   a crash of the machine loses the last seconds
//	appendonly no                          a restart loses what came after the last snapshot
//
// What is lost was acknowledged: a message may then be answered twice, and what
// a customer paid for may be forgotten. A shop wants the first line.
// [Store.Durable] tells which it is, and how to mend it. A replica that is
// promoted has what had reached it: Redis acknowledges before its replicas do.
//
// With appendfsync always, one fsync serves all commits that wait at the time.
//
// # Processes
//
// All processes that serve one bot open the store with the same prefix, and
// bots that are different with different ones: two shops under one prefix would
// take each other's customers for their own. Any number may be at work. The
// revision of a conversation decides who was first, and claims keep two
// processes from working on the same message in vain; see nostrbot.Claimer.
//
// # The server
//
// Open wants Redis 7.0 or newer, or what speaks its protocol, that is no
// replica and never evicts: under any other maxmemory-policy than noeviction,
// Redis would drop a customer's ledger to make room, and their old messages
// would be handled again. With noeviction a full memory refuses writes, and
// says so. It asks by INFO and, for [Store.Durable], CONFIG GET; where a
// provider forbids CONFIG, nothing else changes.
//
// A connection that is lost is made anew by the next call. The call that lost
// it fails, and is not repeated in secret: after a Commit that failed, the
// outcome is unknown until the caller tries again and hears of it by
// nostrbot.ErrDone. go-redis also notes failed connections on stderr;
// redis.SetLogger puts them elsewhere.
//
// # Keys
//
// Customers fall into 16 shards by the first hex digit of their key; the keys
// of a shard share a hash tag, such as {coffee:a}, so that they stay together
// when Redis is a cluster. Memory is what the last 16 days brought, and about
// 130 bytes for each customer ever seen. For whom nobody writes any more
// Redis itself removes state and ledger, a day late at most. Whoever can read
// Redis can read what customers wrote: keep it behind a password, and TLS
// (rediss://) where the wire is not yours.
package redisstore
