// Package nostrbottest is what the author of a bot tests with: relays that
// misbehave on demand, customers who follow a script, a clock to put forward,
// and a bot that can be killed and started again. Nothing is mocked: the bot is
// the real one, and it talks to the customers over sockets, with real
// signatures and encryption.
//
//	func TestOrder(t *testing.T) {
//		net := nostrbottest.New(t)
//		bot := net.Bot(t, shop.Declare)
//		alice := net.User(t, "alice")
//		alice.Says("/order").Hears("espresso (900 sat) or latte (1500 sat)?")
//		bot.Crash()
//		alice.Says("latte")
//		bot.Start()
//		alice.HearsMatch(`^latte: 1500 sat\nlnbc`)
//		net.Clock.Advance(15 * time.Minute)
//		alice.Hears("Too late. Try /order again.").HearsNothing()
//	}
//
// # What holds
//
// Every wait is bounded by [Patience], and none is a sleep: a test is as fast as
// the bot. What fails says what was said, heard and expected, and how the
// relays and the bot stand.
//
// Keys come from the name of the test and of the user, so that they are the
// same in every run, and a [Net.Transcript] is too; see [Net.Golden].
//
// Hears goes by the order in which the bot wrote, HearsNothing is sure: it asks
// the bot and then the relays, and does not guess from silence.
//
// At the end of a test everything is stopped, and a bot that cannot be stopped
// fails it.
//
// The package is imported by tests only.
package nostrbottest
