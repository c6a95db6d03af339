package dm

import (
	"context"

	"github.com/nbd-wtf/go-nostr"
)

// Encryption is the cipher between two keys.
type Encryption string

const (
	// NIP44 is the versioned, authenticated cipher, version 2.
	NIP44 Encryption = "nip44"
	// AESCBC is NIP-04's cipher: AES-256-CBC, not authenticated.
	AESCBC Encryption = "nip04"
)

// Signer holds a key, here or elsewhere, and does with it what a DM needs.
// All methods are safe for concurrent use. A signer in another process
// (NIP-46) connects before it is handed over, so that PubKey need not wait.
type Signer interface {
	// PubKey is the key's public half. It fails when the key is unusable,
	// with an error that says what is wrong and never shows the key.
	PubKey() (PubKey, error)
	// Sign sets the event's pubkey, id and signature.
	Sign(ctx context.Context, event *nostr.Event) error
	// Encrypt encrypts plaintext to a peer, at most [MaxPlaintext] bytes;
	// NIP-44 knows no empty text.
	Encrypt(ctx context.Context, how Encryption, to PubKey, plaintext string) (string, error)
	// Decrypt reads what a peer encrypted to this key. A ciphertext that is
	// no good is [ErrUndecryptable]; any other error means that the key could
	// not be used now.
	Decrypt(ctx context.Context, how Encryption, from PubKey, ciphertext string) (string, error)
}
