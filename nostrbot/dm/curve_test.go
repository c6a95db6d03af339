package dm

import (
	"encoding/csv"
	"encoding/hex"
	"os"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func unhex[T [32]byte | [64]byte](t testing.TB, s string) (b T) {
	t.Helper()
	raw, err := hex.DecodeString(s)
	require.NoError(t, err)
	return T(raw)
}

func TestCurve_BIP340(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/bip340.csv")
	require.NoError(t, err)
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	vectors, err := r.ReadAll()
	require.NoError(t, err)
	require.Len(t, vectors, 13)
	for n, v := range vectors {
		author, hash, sig := PubKey(unhex[[32]byte](t, v[1])), unhex[[32]byte](t, v[3]), unhex[[64]byte](t, v[4])
		require.Equal(t, v[5] == "true", schnorrVerify(author, &hash, &sig), "vector %d", n)
		if v[0] == "" {
			continue
		}
		b, aux := unhex[[32]byte](t, v[0]), unhex[[32]byte](t, v[2])
		secret, err := parseSecret(&b)
		require.NoError(t, err)
		require.Equal(t, author, publicKey(secret), "vector %d", n)
		got, err := schnorrSign(secret, &hash, &aux)
		require.NoError(t, err)
		require.Equal(t, sig, got, "vector %d", n)
	}
}

var someBytes = rapid.Custom(func(t *rapid.T) (b [32]byte) {
	copy(b[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes"))
	return b
})

// Whatever build this is, it agrees with btcec in every respect, about what is
// no key too. (Of another signer's nonces only the outcome can be compared.)
func TestCurve_AgreesWithBtcec(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, hash, aux, other := someBytes.Draw(t, "secret"), someBytes.Draw(t, "hash"), someBytes.Draw(t, "aux"), someBytes.Draw(t, "other")
		var scalar btcec.ModNScalar
		overflow := scalar.SetBytes(&b) != 0
		secret, err := parseSecret(&b)
		if overflow || scalar.IsZero() {
			require.ErrorIs(t, err, ErrSecretKey)
			return
		}
		require.NoError(t, err)
		reference, public := btcec.PrivKeyFromBytes(b[:])
		me := publicKey(secret)
		require.Equal(t, schnorr.SerializePubKey(public), me[:])

		sig, err := schnorrSign(secret, &hash, &aux)
		require.NoError(t, err)
		theirs, err := schnorr.Sign(reference, hash[:], schnorr.CustomNonce(aux))
		require.NoError(t, err)
		require.Equal(t, theirs.Serialize(), sig[:], "BIP-340 leaves nothing open")
		require.True(t, schnorrVerify(me, &hash, &sig))
		agree := func(author PubKey, hash [32]byte, sig [64]byte) {
			want := false
			if point, err := schnorr.ParsePubKey(author[:]); err == nil {
				if parsed, err := schnorr.ParseSignature(sig[:]); err == nil {
					want = parsed.Verify(hash[:], point)
				}
			}
			require.Equal(t, want, schnorrVerify(author, &hash, &sig))
		}
		bit := rapid.IntRange(0, 128*8-1).Draw(t, "spoilt bit")
		spoilt := append(append(append([]byte{}, me[:]...), hash[:]...), sig[:]...)
		spoilt[bit/8] ^= 1 << (bit % 8)
		agree(PubKey(spoilt[:32]), [32]byte(spoilt[32:64]), [64]byte(spoilt[64:]))
		agree(PubKey(other), hash, sig)

		got, err := sharedSecret(secret, PubKey(other))
		if point, refused := schnorr.ParsePubKey(other[:]); refused != nil {
			require.ErrorIs(t, err, ErrPubKey)
			require.Zero(t, got)
		} else {
			require.NoError(t, err)
			require.Equal(t, btcec.GenerateSharedSecret(reference, point), got[:])
		}
	})
}

// The bounds of a secret, which no random one meets.
func TestCurve_Bounds(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"0000000000000000000000000000000000000000000000000000000000000000": false,
		"0000000000000000000000000000000000000000000000000000000000000001": true,
		"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140": true, // the order less one
		"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141": false,
		"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142": false,
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": false,
	} {
		b := unhex[[32]byte](t, s)
		secret, err := parseSecret(&b)
		require.Equal(t, ok, err == nil, s)
		if ok {
			// The least and the greatest are each other's opposite.
			require.Equal(t, "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", publicKey(secret).String())
		}
	}
	// Keys that are no x coordinate: zero, beyond the field, off the curve.
	alice := newSomeone("0000000000000000000000000000000000000000000000000000000000000003")
	for _, s := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30",
		"eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34",
	} {
		pub := PubKey(unhex[[32]byte](t, s))
		_, err := sharedSecret(alice.secret, pub)
		require.ErrorIs(t, err, ErrPubKey, s)
		require.False(t, schnorrVerify(pub, new([32]byte), new([64]byte)), s)
	}
}

func BenchmarkCurve(b *testing.B) {
	me, peer := aKey(b), aKey(b)
	var hash, aux [32]byte
	sig, err := schnorrSign(me.secret, &hash, &aux)
	require.NoError(b, err)
	for name, f := range map[string]func(){
		"secret": func() { newSecret() },
		"sign":   func() { schnorrSign(me.secret, &hash, &aux) },
		"verify": func() { schnorrVerify(me.pub, &hash, &sig) },
		"shared": func() { sharedSecret(me.secret, peer.pub) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
