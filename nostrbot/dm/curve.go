package dm

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/eventjson"
)

// The seam to secp256k1. Whatever touches the curve goes through these, of
// which each build has its own:
//
//	type secretKey                      a scalar, parsed once, with its public key
//	parseSecret(*[32]byte)              a scalar between 1 and the curve's order
//	publicKey(*secretKey)               x alone, as BIP-340 has it
//	schnorrSign(*secretKey, hash, aux)  BIP-340, with aux mixed into the nonce
//	schnorrVerify(PubKey, hash, sig)    BIP-340
//	sharedSecret(*secretKey, PubKey)    x of the product, not hashed: the whole
//	                                    of NIP-04's key and the root of NIP-44's
//
// curve_btcec.go is the default, pure Go; curve_secp256k1.go calls the C
// library (see the package documentation). All lengths are in the types, so
// that no foreign input can be too short or too long for C.

var errOffCurve = errors.New("no such point on the curve")

// newSecret makes a key, and returns its bytes too.
func newSecret() (*secretKey, *[32]byte) {
	for {
		var b [32]byte
		rand.Read(b[:]) // never fails
		if secret, err := parseSecret(&b); err == nil {
			return secret, &b
		} // else beyond the order, one time in 2^128
	}
}

// signEvent sets the event's author, id and signature.
func signEvent(secret *secretKey, author PubKey, ev *nostr.Event) error {
	ev.PubKey = author.String()
	id := eventjson.ID(ev)
	var aux [32]byte
	rand.Read(aux[:])
	sig, err := schnorrSign(secret, &id, &aux)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	ev.ID, ev.Sig = hex.EncodeToString(id[:]), hex.EncodeToString(sig[:])
	return nil
}

// checkSignature expects an event whose id was found right. It looks at lengths
// before it decodes, whatever library verifies.
func checkSignature(ev *nostr.Event, author PubKey) bool {
	id, ok := lowerHex(ev.ID)
	var sig [64]byte
	if !ok || len(ev.Sig) != hex.EncodedLen(len(sig)) {
		return false
	}
	if _, err := hex.Decode(sig[:], []byte(ev.Sig)); err != nil {
		return false
	}
	return schnorrVerify(author, &id, &sig)
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
