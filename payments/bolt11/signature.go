package bolt11

import (
	"crypto/sha256"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil/bech32"
)

// compactHeader is what btcec adds to the recovery id of a compressed key.
const compactHeader = 27 + 4

// verify checks the signature over hrp and groups, and returns the payee. With
// a payee field it must be that key's and low-S; without one the key is
// recovered, from either form (BOLT 11, bolts#1284).
func verify(hrp string, groups, signature, payee []byte) (key [33]byte, err error) {
	digest, err := signedDigest(hrp, groups)
	if err != nil {
		return key, err
	}
	sig, err := bech32.ConvertBits(signature, 5, 8, false)
	if err != nil || len(sig) != 65 || sig[64] > 3 {
		return key, fmt.Errorf("%w: want r, s and a recovery id of 0 to 3", ErrSignature)
	}
	if payee == nil {
		recovered, _, err := ecdsa.RecoverCompact(append([]byte{sig[64] + compactHeader}, sig[:64]...), digest[:])
		if err != nil {
			return key, fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return [33]byte(recovered.SerializeCompressed()), nil
	}
	named, err := btcec.ParsePubKey(payee)
	if err != nil {
		return key, fmt.Errorf("%w: payee field: %w", ErrMalformed, err)
	}
	var r, s btcec.ModNScalar
	if r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:64]) {
		return key, fmt.Errorf("%w: r or s is beyond the curve's order", ErrSignature)
	}
	if s.IsOverHalfOrder() {
		return key, fmt.Errorf("%w: not in its low-S form", ErrSignature)
	}
	if !ecdsa.NewSignature(&r, &s).Verify(digest[:], named) {
		return key, fmt.Errorf("%w: not by the payee it names", ErrSignature)
	}
	return [33]byte(payee), nil
}

// signedDigest is what a payee signs: the prefix and the data, padded to bytes.
func signedDigest(hrp string, groups []byte) ([32]byte, error) {
	data, err := bech32.ConvertBits(groups, 5, 8, true)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return sha256.Sum256(append([]byte(hrp), data...)), nil
}
