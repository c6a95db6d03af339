package nostrbot

// growStack makes room on the stack of a goroutine that was just started. It
// begins with 2 KB, and a handler, a seal and a query need ten times that: grown
// in one step while it is empty, it is copied once and not four times on the
// way down.
//
//go:noinline
func growStack() byte { //nolint:unparam // a result keeps room from being optimised away
	var room [20 << 10]byte
	return room[len(room)-stackStep]
}

// stackStep keeps the compiler from seeing that room is never written.
var stackStep = 1
