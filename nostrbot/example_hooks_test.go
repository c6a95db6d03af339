package nostrbot_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/dmshop/dmshop/nostrbot"
)

// alarm is a hook: it has a method of one of the Hook... interfaces.
type alarm struct{}

func (alarm) OnReplyGivenUp(r nostrbot.ReplySettled) { fmt.Println("no relay takes", r.ID) }

func ExampleHook() {
	_, err := nostrbot.New(nostrbot.Config{
		Signer: nostrbot.Nsec("0000000000000000000000000000000000000000000000000000000000000001"),
		Relays: []string{"wss://relay.example"},
		Hooks:  []nostrbot.Hook{alarm{}, "not a hook"},
	})
	fmt.Println(err)
	// Output:
	// nostrbot: Hooks[1] is a string, which implements none of the Hook... interfaces: see their methods, or pass a pointer
}

func ExampleBot_HealthHandler() {
	bot := exampleBot()
	health := bot.HealthHandler(nostrbot.HealthLimits{Relays: 1})
	w := httptest.NewRecorder()
	health.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health", nil))
	fmt.Println(w.Code)
	fmt.Println(strings.Split(w.Body.String(), `,"at"`)[0])
	// Output:
	// 503
	// {"ok":false,"reasons":["the bot has not started","the inbox is live on 0 of 1 relays, and must be on 1"]
}
