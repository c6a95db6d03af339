package dm

import (
	"context"
	"errors"
	"testing"

	"github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/require"
)

// faulty is a signer elsewhere that fails in its own ways.
type faulty struct {
	Signer
	decrypt func(how Encryption, from PubKey) (string, error)
	sign    func(*nostr.Event) error
	encrypt error
}

func (f faulty) Decrypt(ctx context.Context, how Encryption, from PubKey, c string) (string, error) {
	if f.decrypt == nil {
		return f.Signer.Decrypt(ctx, how, from, c)
	}
	return f.decrypt(how, from)
}

func (f faulty) Encrypt(ctx context.Context, how Encryption, to PubKey, text string) (string, error) {
	if f.encrypt != nil {
		return "", f.encrypt
	}
	return f.Signer.Encrypt(ctx, how, to, text)
}

func (f faulty) Sign(ctx context.Context, ev *nostr.Event) error {
	if f.sign == nil {
		return f.Signer.Sign(ctx, ev)
	}
	return f.sign(ev)
}

func TestOpen_SignerFails(t *testing.T) {
	t.Parallel()
	gone := errors.New("bunker is gone")
	answers := func(text string, err error) Signer {
		return faulty{Signer: shop, decrypt: func(Encryption, PubKey) (string, error) { return text, err }}
	}

	for _, ev := range []*nostr.Event{aForgery().make(t), aDM(t, nil)} {
		_, err := Open(t.Context(), answers("", gone), ev, now)
		require.ErrorIs(t, err, gone)
		require.NotErrorIs(t, err, ErrRefused, "the event may be good")

		_, err = Open(t.Context(), answers("\xff", nil), ev, now)
		require.ErrorIs(t, err, ErrRefused)
	}

	_, err := Open(t.Context(), Nsec("x"), aDM(t, nil), now)
	require.ErrorIs(t, err, ErrSecretKey)
	require.NotErrorIs(t, err, ErrRefused)
}

func TestOpen_PanicIsContained(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		panics func()
		says   string
	}{
		"runtime": {func() { _ = []int{}[len(name17)] }, "index out of range"},
		"text":    {func() { panic("espresso") }, "panic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := faulty{Signer: shop, decrypt: func(Encryption, PubKey) (string, error) {
				tt.panics()
				return "", nil
			}}
			m, err := Open(t.Context(), s, aDM(t, nil), now)
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, tt.says)
			require.NotContains(t, err.Error(), "espresso")
			require.Zero(t, m)
		})
	}
}

const name17 = string(NIP17)
