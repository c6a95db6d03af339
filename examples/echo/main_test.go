package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

// The whole program is the bot; an interrupt ends it.
func TestEcho(t *testing.T) {
	net := nostrbottest.New(t)
	t.Setenv("BOT_NSEC", net.Key("bot"))
	t.Setenv("NOSTR_RELAYS", strings.Join(net.URLs(), ","))
	ended := make(chan struct{})
	go func() { defer close(ended); main() }()

	alice := net.User(t, "alice")
	bob := net.User(t, "bob", nostrbottest.NIP04)
	alice.Says("/ping").Hears("pong")
	bob.Says("hello").Hears("you said: hello")
	alice.Says("/help").Hears("/ping - check that I am awake\n/help - what I can do")

	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(os.Interrupt))
	<-ended
}
