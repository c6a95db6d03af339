//go:build secp256k1 && cgo

package dm

/*
#cgo LDFLAGS: -lsecp256k1
#include <string.h>
#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

// The library calls this when it is misused, and by default it then ends the
// process. Returning makes the call fail.
static void dm_misused(const char *message, void *data) {}

static secp256k1_context *dm_context(const unsigned char *seed32) {
	secp256k1_context *ctx = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
	if (ctx == NULL) return NULL;
	secp256k1_context_set_illegal_callback(ctx, dm_misused, NULL);
	if (!secp256k1_context_randomize(ctx, seed32)) {
		secp256k1_context_destroy(ctx);
		return NULL;
	}
	return ctx;
}

static int dm_parse_secret(const secp256k1_context *ctx, secp256k1_keypair *pair, unsigned char *pub32,
		const unsigned char *secret32) {
	secp256k1_xonly_pubkey pub;
	return secp256k1_keypair_create(ctx, pair, secret32) &&
		secp256k1_keypair_xonly_pub(ctx, &pub, NULL, pair) &&
		secp256k1_xonly_pubkey_serialize(ctx, pub32, &pub);
}

static int dm_verify(const secp256k1_context *ctx, const unsigned char *sig64, const unsigned char *hash32,
		const unsigned char *pub32) {
	secp256k1_xonly_pubkey pub;
	return secp256k1_xonly_pubkey_parse(ctx, &pub, pub32) &&
		secp256k1_schnorrsig_verify(ctx, sig64, hash32, 32, &pub);
}

static int dm_raw_x(unsigned char *out, const unsigned char *x32, const unsigned char *y32, void *data) {
	memcpy(out, x32, 32);
	return 1;
}

static int dm_shared_x(const secp256k1_context *ctx, unsigned char *out32, const secp256k1_keypair *pair,
		const unsigned char *pub32) {
	unsigned char secret[32], even[33];
	secp256k1_pubkey peer;
	even[0] = SECP256K1_TAG_PUBKEY_EVEN;
	memcpy(even + 1, pub32, 32);
	return secp256k1_ec_pubkey_parse(ctx, &peer, even, sizeof even) &&
		secp256k1_keypair_sec(ctx, secret, pair) &&
		secp256k1_ecdh(ctx, out32, &peer, secret, dm_raw_x, NULL);
}
*/
import "C"

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
)

// curve is the library's context: made once, and blinded, so that the time it
// takes tells less about the keys. It may be used by many threads at once.
var curve = sync.OnceValue(func() *C.secp256k1_context {
	var seed [32]byte
	rand.Read(seed[:]) // never fails
	ctx := C.dm_context(c(&seed))
	if ctx == nil { // out of memory
		panic("dm: libsecp256k1 has no context to give")
	}
	return ctx
})

func c(b *[32]byte) *C.uchar { return (*C.uchar)(&b[0]) }

type secretKey struct {
	pair C.secp256k1_keypair
	pub  PubKey
}

func parseSecret(b *[32]byte) (*secretKey, error) {
	k := new(secretKey)
	if C.dm_parse_secret(curve(), &k.pair, c((*[32]byte)(&k.pub)), c(b)) != 1 {
		return nil, ErrSecretKey
	}
	return k, nil
}

func publicKey(secret *secretKey) PubKey { return secret.pub }

var errSign = errors.New("libsecp256k1 refused to sign")

func schnorrSign(secret *secretKey, hash, aux *[32]byte) (sig [64]byte, err error) {
	if C.secp256k1_schnorrsig_sign32(curve(), (*C.uchar)(&sig[0]), c(hash), &secret.pair, c(aux)) != 1 {
		return [64]byte{}, errSign
	}
	return sig, nil
}

func schnorrVerify(author PubKey, hash *[32]byte, sig *[64]byte) bool {
	return C.dm_verify(curve(), (*C.uchar)(&sig[0]), c(hash), c((*[32]byte)(&author))) == 1
}

func sharedSecret(secret *secretKey, peer PubKey) (x [32]byte, err error) {
	if C.dm_shared_x(curve(), c(&x), &secret.pair, c((*[32]byte)(&peer))) != 1 {
		return [32]byte{}, fmt.Errorf("%w: %w", ErrPubKey, errOffCurve)
	}
	return x, nil
}
