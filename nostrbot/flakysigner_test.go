package nostrbot_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/dm"
)

// away is a signer elsewhere that cannot be reached for a while.
type away struct {
	dm.Signer
	calls atomic.Int32 // how many more fail
}

func (a *away) Encrypt(ctx context.Context, how dm.Encryption, to dm.PubKey, text string) (string, error) {
	if a.calls.Add(-1) >= 0 {
		return "", errors.New("connection refused")
	}
	return a.Signer.Encrypt(ctx, how, to, text)
}

// A signer that is away is no failure of the handler: nobody hears Sorry.
func TestBot_WaitsForItsSigner(t *testing.T) {
	t.Parallel()
	n := newNet(t)
	signer := &away{Signer: n.botKey}
	signer.calls.Store(3)
	n.botKey = signer
	n.run(t, nostrbot.Config{Attempts: 1, Sorry: "sorry", Canary: -1, NoLists: true}, ping)
	alice := n.person(t)
	alice.says("ping", dm.NIP17)
	alice.hears("pong")
	alice.hearsNothing(dm.NIP17)
}
