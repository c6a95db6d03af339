package dm

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip19"
)

// Nsec is a signer with the key in memory, from nsec1... (NIP-19) or 64 hex
// digits. Space around it is ignored. Input that is no key is remembered: every
// method then fails with [ErrSecretKey], PubKey first of all, and never shows
// what was put in.
//
// However it is printed, logged or marshalled, it shows its public key only.
//
// It keeps the keys shared with the peers it wrote to last, at most 4096 of
// them. Only Encrypt adds to that, while Decrypt just looks: one encrypts to a
// peer in order to answer, but decrypts for whoever comes, and every gift wrap
// comes from a new throw-away key. So a flood of them cannot push out the
// customers one talks to.
func Nsec(s string) Signer {
	k := &localKey{peers: newPeerCache(maxPeers)}
	if k.secret, k.err = decodeSecret(strings.TrimSpace(s)); k.err == nil {
		k.pub = publicKey(k.secret)
	}
	return k
}

// GenerateKey makes a new secret key from crypto/rand and returns it as
// nsec1..., fit for [Nsec]. Whoever has it is the bot: store it as a secret.
func GenerateKey() (nsec string, err error) {
	_, secret := newSecret()
	return nip19.EncodePrivateKey(hex.EncodeToString(secret[:]))
}

// decodeSecret's errors never wrap a decoder's, which quote what they read.
func decodeSecret(s string) (*secretKey, error) {
	switch {
	case s == "":
		return nil, fmt.Errorf("%w: it is empty", ErrSecretKey)
	case strings.HasPrefix(s, "npub1"):
		return nil, fmt.Errorf("%w: npub1... is the public one", ErrSecretKey)
	case strings.HasPrefix(s, "nsec1"):
		_, v, err := nip19.Decode(s)
		if err != nil {
			return nil, fmt.Errorf("%w: nsec1... is misspelt", ErrSecretKey)
		}
		s, _ = v.(string)
	}
	var b [32]byte
	if len(s) != hex.EncodedLen(len(b)) {
		return nil, ErrSecretKey
	}
	if _, err := hex.Decode(b[:], []byte(s)); err != nil {
		return nil, ErrSecretKey
	}
	return parseSecret(&b)
}

// localKey has the key parsed once.
type localKey struct {
	secret *secretKey
	pub    PubKey
	err    error
	peers  *peerCache
}

func (k *localKey) PubKey() (PubKey, error) { return k.pub, k.err }

func (k *localKey) Sign(_ context.Context, ev *nostr.Event) error {
	if k.err != nil {
		return k.err
	}
	return signEvent(k.secret, k.pub, ev)
}

func (k *localKey) Encrypt(_ context.Context, how Encryption, to PubKey, plaintext string) (string, error) {
	keys, err := k.shared(to, true)
	if err != nil {
		return "", err
	}
	switch how {
	case NIP44:
		var nonce [32]byte
		rand.Read(nonce[:]) // never fails
		return encryptNIP44(keys.conversation, nonce, plaintext)
	case AESCBC:
		var iv [16]byte
		rand.Read(iv[:])
		return encryptNIP04(keys.aes, iv, plaintext)
	}
	return "", fmt.Errorf("encrypt: no cipher %q", how)
}

func (k *localKey) Decrypt(_ context.Context, how Encryption, from PubKey, ciphertext string) (string, error) {
	if k.err != nil {
		return "", k.err
	}
	// The length first: it saves the multiplication.
	switch how {
	case NIP44:
		if err := checkNIP44(ciphertext); err != nil {
			return "", err
		}
	case AESCBC:
		if err := checkNIP04(ciphertext); err != nil {
			return "", err
		}
	default:
		return "", fmt.Errorf("decrypt: no cipher %q", how)
	}
	keys, err := k.shared(from, false)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUndecryptable, err)
	}
	if how == AESCBC {
		return decryptNIP04(keys.aes, ciphertext)
	}
	return decryptNIP44(keys.conversation, ciphertext)
}

// shared looks up or computes the keys shared with a peer.
func (k *localKey) shared(peer PubKey, remember bool) (peerKeys, error) {
	if k.err != nil {
		return peerKeys{}, k.err
	}
	if keys, ok := k.peers.get(peer); ok {
		return keys, nil
	}
	x, err := sharedSecret(k.secret, peer)
	if err != nil {
		return peerKeys{}, err
	}
	keys := peerKeys{aes: x, conversation: conversationKey(x)}
	if remember {
		k.peers.put(peer, keys)
	}
	return keys, nil
}

// String shows the public key, or that there is none.
func (k *localKey) String() string {
	if k.err != nil {
		return "invalid key"
	}
	return "key of " + k.pub.Npub()
}

// GoString is for %#v.
func (k *localKey) GoString() string { return k.String() }

// Format answers every verb alike, %x and %+v among them.
func (k *localKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// LogValue is for slog.
func (k *localKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText is for JSON and whatever else encodes values.
func (k *localKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
