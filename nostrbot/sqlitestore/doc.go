// Package sqlitestore keeps a bot's conversations, ledger and outbox in one
// SQLite file. [Store] implements nostrbot.Store and, in a table of its own,
// the payments.KV contract, so that one file is all that a shop has to keep.
// There is no service to install and no cgo.
//
//	store, err := sqlitestore.Open("shop.db")
//	if err != nil { ... }
//	defer store.Close()
//	bot, err := nostrbot.New(nostrbot.Config{Store: store, ...})
//	till := payments.NewTill(wallet, store)
//
// # Durability
//
// What a call wrote is on the disk when the call returns nil (WAL journal,
// synchronous=FULL: an fsync for each transaction). Killing the process at any
// point, or cutting the power on a disk that honours fsync, loses nothing that
// was acknowledged and leaves no batch half written.
//
// An fsync costs about a millisecond on a good disk, so concurrent writes
// share one: a single goroutine collects what is waiting and commits it as one
// transaction. Where a batch is refused, the transaction is begun again with
// each batch in a savepoint of its own, so that the refused one harms no other.
// Nobody gets a result before the fsync. Under load a batch waits a few
// milliseconds for others, and what [Store.Update] notes about a delivery always
// does. A write whose
// ctx ends while it waits is withdrawn, and nothing of it is written; once its
// transaction is under way it is seen through, and the true result returned.
//
// # Processes
//
// Any number of processes on one machine may open the same file; the revision
// of a conversation decides who was first. SQLite lets one write at a time, so
// they take turns, and beyond a handful a shared server is the better store.
// A write that could not begin for ten seconds because another process held
// the lock fails with an error that says so. The file must be on a local disk:
// WAL does not work over network file systems.
//
// # Files
//
// Beside shop.db there are shop.db-wal and shop.db-shm while it is open, and
// after a crash until it is opened again. They belong together: move or delete
// none of them alone. The wal holds commits that are not in shop.db yet. A new
// file is readable by its owner alone (0600), and so are the two others, since
// it holds what customers wrote. Whoever can read the disk can read it.
//
// To back up a store in use, let SQLite do it:
//
//	sqlite3 shop.db ".backup copy.db"
//
// Copying shop.db with cp while it is in use makes a broken copy. A backup
// that is put back is older than the relays: messages since then are handled
// again.
//
// Open brings a file of an older version up to date. It refuses a file of a
// newer version, and one that is not a store of this package.
package sqlitestore
