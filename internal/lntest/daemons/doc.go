// Package daemons holds nothing: its module pins the Lightning daemons that
// the tests start (see the tool lines of go.mod), as go build tool makes them.
package daemons
