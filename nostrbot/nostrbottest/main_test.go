package nostrbottest

import (
	"fmt"
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
	if os.Getenv(khatruProcess) != "" {
		fmt.Fprintln(os.Stderr, runKhatru())
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
