package dm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nbd-wtf/go-nostr/nip19"
)

// PubKey is a Nostr identity: the x coordinate of a secp256k1 point (BIP 340).
// Being bytes, it has one spelling; it is comparable and fit for a map key.
// The zero value is nobody.
type PubKey [32]byte

// ErrPubKey is wrapped by [ParsePubKey]'s errors.
var ErrPubKey = errors.New("not a public key: want npub1... or 64 hex digits")

// ParsePubKey reads an npub (NIP-19) or 64 hex digits of either case.
// It does not check that the point is on the curve; using the key does.
func ParsePubKey(s string) (PubKey, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "npub1") {
		_, v, err := nip19.Decode(s)
		if err != nil {
			return PubKey{}, fmt.Errorf("%w: %w", ErrPubKey, err)
		}
		s, _ = v.(string)
	}
	var p PubKey
	if len(s) != hex.EncodedLen(len(p)) {
		return PubKey{}, ErrPubKey
	}
	if _, err := hex.Decode(p[:], []byte(s)); err != nil {
		return PubKey{}, ErrPubKey
	}
	return p, nil
}

// String is the key as 64 lower-case hex digits.
func (p PubKey) String() string { return hex.EncodeToString(p[:]) }

// Npub is the key as people write it (NIP-19).
func (p PubKey) Npub() string {
	s, err := nip19.EncodePublicKey(p.String())
	if err != nil { // 32 bytes of hex always encode
		panic("dm: npub: " + err.Error())
	}
	return s
}

// LogValue is the npub shortened, for slog: enough to tell customers apart and to
// search by its beginning, and not a list of whom a shop has to do with.
func (p PubKey) LogValue() slog.Value {
	npub := p.Npub()
	return slog.StringValue(npub[:13] + "..." + npub[len(npub)-4:])
}

// IsZero tells whether p is nobody.
func (p PubKey) IsZero() bool { return p == PubKey{} }

// MarshalText is [PubKey.String], for JSON and maps.
func (p PubKey) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is [ParsePubKey].
func (p *PubKey) UnmarshalText(text []byte) error {
	q, err := ParsePubKey(string(text))
	if err != nil {
		return err
	}
	*p = q
	return nil
}
