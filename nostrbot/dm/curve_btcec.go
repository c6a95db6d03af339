//go:build !secp256k1

package dm

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// secretKey holds the one of the two scalars for its x coordinate whose point
// has an even y, as BIP-340 signs with it. For a shared secret, x alone, both
// are the same.
type secretKey struct {
	d   btcec.ModNScalar
	pub PubKey
}

func parseSecret(b *[32]byte) (*secretKey, error) {
	k := new(secretKey)
	if overflow := k.d.SetBytes(b); overflow != 0 || k.d.IsZero() {
		return nil, ErrSecretKey
	}
	x, odd := baseMult(&k.d)
	if odd {
		k.d.Negate()
	}
	k.pub = PubKey(x)
	return k, nil
}

// baseMult is the point of a scalar: its x, and whether its y is odd.
func baseMult(k *btcec.ModNScalar) (x [32]byte, odd bool) {
	var p btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(k, &p)
	p.ToAffine()
	return *p.X.Bytes(), p.Y.IsOdd()
}

func publicKey(secret *secretKey) PubKey { return secret.pub }

var errNonce = errors.New("no nonce comes out")

// schnorrSign is the algorithm "Default Signing" of BIP-340, step by step, on
// btcec's arithmetic. btcec's own function derives the public key at each use,
// which is a third of its time. As with its FastSign the result is not verified
// in the end.
func schnorrSign(secret *secretKey, hash, aux *[32]byte) (sig [64]byte, err error) {
	t := secret.d.Bytes()
	for i, b := range chainhash.TaggedHash(chainhash.TagBIP0340Aux, aux[:]) {
		t[i] ^= b
	}
	var k, e btcec.ModNScalar
	k.SetBytes((*[32]byte)(chainhash.TaggedHash(chainhash.TagBIP0340Nonce, t[:], secret.pub[:], hash[:])))
	if k.IsZero() { // nobody has seen such a hash
		return sig, errNonce
	}
	r, odd := baseMult(&k)
	if odd {
		k.Negate()
	}
	e.SetBytes((*[32]byte)(chainhash.TaggedHash(chainhash.TagBIP0340Challenge, r[:], secret.pub[:], hash[:])))
	s := e.Mul(&secret.d).Add(&k).Bytes()
	copy(sig[:32], r[:])
	copy(sig[32:], s[:])
	return sig, nil
}

func schnorrVerify(author PubKey, hash *[32]byte, sig *[64]byte) bool {
	parsed, err := schnorr.ParseSignature(sig[:])
	if err != nil {
		return false
	}
	// Verify takes nothing but x from the key, and looks itself whether there
	// is such a point; ParsePubKey would take the same square root before.
	var x, y btcec.FieldVal
	if overflow := x.SetByteSlice(author[:]); overflow {
		return false
	}
	return parsed.Verify(hash[:], btcec.NewPublicKey(&x, &y))
}

func sharedSecret(secret *secretKey, peer PubKey) ([32]byte, error) {
	point, err := schnorr.ParsePubKey(peer[:])
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: %w", ErrPubKey, errOffCurve)
	}
	return [32]byte(btcec.GenerateSharedSecret(&btcec.PrivateKey{Key: secret.d}, point)), nil
}
