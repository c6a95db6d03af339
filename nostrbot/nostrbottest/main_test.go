package nostrbottest

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// full is set by make test; without it a small count stands for the big one.
var full = os.Getenv("DMSHOP_TEST") == "full"

func TestMain(m *testing.M) {
	if os.Getenv(soakStore) != "" {
		runSoakBot()
		os.Exit(0)
	}
	// A relay of khatru's cannot be closed: this goroutine has no end.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/fiatjaf/khatru.(*expirationManager).start"))
}
