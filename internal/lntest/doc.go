// Package lntest brings up a real Lightning network for tests: btcd on regtest
// and three lnd v0.20.0-beta, each on ports and in a folder of its own.
//
//	shop ---- customer ---- far
//
// The shop's node is the one under test. It has a channel with the customer's,
// which has another with a node far away: a payment between shop and far takes
// two hops. Half of each channel lies on each side.
//
// One network serves all tests of a binary:
//
//	func TestMain(m *testing.M) { lntest.Main(m) }
//
//	func TestPay(t *testing.T) {
//		t.Parallel()
//		network := lntest.Start(t)
//		...
//	}
//
// A test that kills a node does not call t.Parallel: the testing package runs
// it while no parallel test runs.
//
// The daemons are built from the nested module in daemons (lnd with the tags of
// its own integration tests: lighter wallet encryption, shorter waits, nothing
// else), which takes some three minutes on two cores, and are kept in the
// user's cache directory under a name made of all that goes into them. A test
// binary that does not find them there skips its tests and says so; with
// DMSHOP_TEST=full it builds them. The first to need them builds, others wait.
//
// The daemons die with the process that started them, and leave no folder
// behind when [Main] ends; a process that is killed leaves its folder in the
// system's directory for temporary files.
package lntest
