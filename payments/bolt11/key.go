package bolt11

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
)

// Key is a node's secret key. It redacts itself in fmt, JSON and slog, where it
// stands in an exported field or on its own.
type Key [32]byte

// NewKey makes a random key.
func NewKey() (Key, error) {
	for {
		var k Key
		if _, err := rand.Read(k[:]); err != nil {
			return Key{}, fmt.Errorf("make a node key: %w", err)
		}
		if _, err := k.private(); err == nil {
			return k, nil
		}
	}
}

// Payee is the compressed public key, which names the node.
func (k Key) Payee() ([33]byte, error) {
	private, err := k.private()
	if err != nil {
		return [33]byte{}, err
	}
	return [33]byte(private.PubKey().SerializeCompressed()), nil
}

var errKey = errors.New("node key: want a number from 1 to the order of secp256k1, less one")

func (k Key) private() (*btcec.PrivateKey, error) {
	var scalar btcec.ModNScalar
	if scalar.SetByteSlice(k[:]) || scalar.IsZero() {
		return nil, errKey
	}
	return btcec.PrivKeyFromScalar(&scalar), nil
}

const redacted = "REDACTED"

// String hides the key.
func (Key) String() string { return redacted }

// Format hides the key from all verbs.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the key. There is no way back.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
