//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip44"
	"github.com/nbd-wtf/go-nostr/nip59"
)

// exchange is the yardstick: what a message and its answer take with go-nostr
// and nothing around it, the conversation key of the two at hand. It parses the
// relay's frame, checks the wrap's id and signature, unwraps it, wraps an
// answer and writes the frame.
type exchange struct {
	secret, pub string // the bot's
	peer        string
	shared      [32]byte
	frame       string // of a message to the bot
}

func newExchange() (*exchange, error) {
	x := &exchange{secret: nostr.GeneratePrivateKey()}
	customer := nostr.GeneratePrivateKey()
	var err error
	if x.pub, err = nostr.GetPublicKey(x.secret); err != nil {
		return nil, err
	}
	if x.peer, err = nostr.GetPublicKey(customer); err != nil {
		return nil, err
	}
	if x.shared, err = nip44.GenerateConversationKey(x.peer, x.secret); err != nil {
		return nil, err
	}
	wrap, err := x.wrap(customer, x.peer, x.pub, question(0))
	if err != nil {
		return nil, err
	}
	frame, err := json.Marshal([]any{"EVENT", "sub", wrap})
	if err != nil {
		return nil, err
	}
	x.frame = string(frame)
	return x, nil
}

func (x *exchange) wrap(secret, author, to, text string) (nostr.Event, error) {
	rumor := nostr.Event{
		PubKey: author, Kind: nostr.KindDirectMessage, CreatedAt: nostr.Now(),
		Content: text, Tags: nostr.Tags{{"p", to}},
	}
	rumor.ID = rumor.GetID()
	return nip59.GiftWrap(rumor, to,
		func(s string) (string, error) { return nip44.Encrypt(s, x.shared) },
		func(ev *nostr.Event) error { return ev.Sign(secret) }, nil)
}

func (x *exchange) once(n int) error {
	message, err := nostr.NewMessageParser().ParseMessage(x.frame)
	if err != nil {
		return err
	}
	in, ok := message.(*nostr.EventEnvelope)
	if !ok || !in.CheckID() {
		return errors.New("no event")
	}
	if ok, err := in.CheckSignature(); !ok {
		return fmt.Errorf("signature: %w", err)
	}
	rumor, err := nip59.GiftUnwrap(in.Event, func(from, ciphertext string) (string, error) {
		key := x.shared
		if from != x.peer { // the wrap's
			var err error
			if key, err = nip44.GenerateConversationKey(from, x.secret); err != nil {
				return "", err
			}
		}
		return nip44.Decrypt(ciphertext, key)
	})
	if err != nil {
		return err
	}
	if rumor.Content != question(0) {
		return errors.New("another text came out")
	}
	wrap, err := x.wrap(x.secret, x.pub, x.peer, answer(n))
	if err != nil {
		return err
	}
	_, err = nostr.EventEnvelope{Event: wrap}.MarshalJSON()
	return err
}

// runBare is the process that does exchanges, as many as each line on standard
// input says, and answers with its usage.
func runBare() error {
	x, err := newExchange()
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		n, err := strconv.Atoi(strings.TrimSpace(in.Text()))
		if err != nil {
			return err
		}
		for i := range n {
			if err := x.once(i); err != nil {
				return err
			}
		}
		u, err := ownUsage()
		if err != nil {
			return err
		}
		if err := out.Encode(u); err != nil {
			return err
		}
	}
	return nil
}
