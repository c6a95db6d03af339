package dm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/nbd-wtf/go-nostr"
)

// This file is the seam to secp256k1: whatever touches the curve is here.

// parseSecret reads a scalar between 1 and the order of the curve.
func parseSecret(b *[32]byte) (*btcec.PrivateKey, error) {
	var d btcec.ModNScalar
	if overflow := d.SetBytes(b); overflow != 0 || d.IsZero() {
		return nil, ErrSecretKey
	}
	return &btcec.PrivateKey{Key: d}, nil
}

func publicKey(secret *btcec.PrivateKey) PubKey {
	return PubKey(schnorr.SerializePubKey(secret.PubKey()))
}

var errOffCurve = errors.New("no such point on the curve")

// sharedSecret is the x coordinate of the product, not hashed: the whole of
// NIP-04's key and the root of NIP-44's.
func sharedSecret(secret *btcec.PrivateKey, peer PubKey) ([32]byte, error) {
	point, err := schnorr.ParsePubKey(peer[:])
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: %w", ErrPubKey, errOffCurve)
	}
	return [32]byte(btcec.GenerateSharedSecret(secret, point)), nil
}

// signEvent sets the event's author, id and signature.
func signEvent(secret *btcec.PrivateKey, author PubKey, ev *nostr.Event) error {
	ev.PubKey = author.String()
	id := sha256.Sum256(ev.Serialize())
	sig, err := schnorr.Sign(secret, id[:], schnorr.FastSign())
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	ev.ID, ev.Sig = hex.EncodeToString(id[:]), hex.EncodeToString(sig.Serialize())
	return nil
}

// checkSignature expects an event whose id was found right. It looks at lengths
// before it decodes, whatever library verifies.
func checkSignature(ev *nostr.Event, author PubKey) bool {
	id, ok := lowerHex(ev.ID)
	var raw [schnorr.SignatureSize]byte
	if !ok || len(ev.Sig) != hex.EncodedLen(len(raw)) {
		return false
	}
	if _, err := hex.Decode(raw[:], []byte(ev.Sig)); err != nil {
		return false
	}
	sig, err := schnorr.ParseSignature(raw[:])
	if err != nil {
		return false
	}
	point, err := schnorr.ParsePubKey(author[:])
	if err != nil {
		return false
	}
	return sig.Verify(id[:], point)
}

// lowerHex reads 64 lower-case hex digits. Keys and ids in foreign JSON have
// this one spelling (NIP-01); another would be a second name of the same thing.
func lowerHex(s string) (b [32]byte, ok bool) {
	if len(s) != hex.EncodedLen(len(b)) {
		return b, false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return b, false
		}
	}
	_, err := hex.Decode(b[:], []byte(s))
	return b, err == nil
}
