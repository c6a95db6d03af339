package bolt11_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments/bolt11"
)

// specKey is the secret key of the BOLT's examples.
func specKey(t require.TestingT) bolt11.Key {
	b, err := hex.DecodeString("e126f68f7eafcc8b74f54d269fe206be715000f94dac067d1c04a8ca3b2db734")
	require.NoError(t, err)
	return bolt11.Key(b)
}

const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// raw is an invoice put together group by group, so that any rule can be broken
// under a signature and a checksum that hold.
type raw struct {
	hrp    string
	fields string // bech32 letters: kind, length, data, as in the BOLT's text
	highS  bool
	recID  byte // added to the right one
	bigR   bool // r beyond the curve's order
	bigS   bool
	encode func(hrp string, groups []byte) (string, error)
}

// Fields of the BOLT's examples.
const (
	fieldP = "pp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypq"
	fieldS = "sp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs"
	fieldD = "dq5xysxxatsyp3k7enxv4js" // 1 cup coffee
	fieldH = "hp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqs"
	fieldN = "np4q0n326hr8v9zprg8gsvezcch06gfaqqhde2aj730yg0durunfhv66"
	field9 = "9qrsgq"
	minute = "xqzpu"
	base   = fieldP + fieldS + fieldD + field9
)

func (r raw) text(t require.TestingT) string {
	groups := make([]byte, 0, len(r.fields)+7)
	for _, c := range "pvjluez" + r.fields {
		i := strings.IndexRune(charset, c)
		require.GreaterOrEqual(t, i, 0, "letter %c", c)
		groups = append(groups, byte(i))
	}
	return r.sign(t, groups)
}

func (r raw) sign(t require.TestingT, groups []byte) string {
	data, err := bech32.ConvertBits(groups, 5, 8, true)
	require.NoError(t, err)
	hrp := r.hrp
	if hrp == "" {
		hrp = "lnbc2500u"
	}
	digest := sha256.Sum256(append([]byte(hrp), data...))
	key := specKey(t)
	private, _ := btcec.PrivKeyFromBytes(key[:])
	compact := ecdsa.SignCompact(private, digest[:], true)
	if r.highS {
		var s btcec.ModNScalar
		s.SetByteSlice(compact[33:])
		negated := s.Negate().Bytes()
		copy(compact[33:], negated[:])
		compact[0] = (compact[0] - 31) ^ 1 + 31
	}
	if r.bigR {
		copy(compact[1:33], bytes.Repeat([]byte{0xff}, 32))
	}
	if r.bigS {
		copy(compact[33:], bytes.Repeat([]byte{0xff}, 32))
	}
	sig, err := bech32.ConvertBits(append(compact[1:], compact[0]-31+r.recID), 8, 5, true)
	require.NoError(t, err)
	encode := r.encode
	if encode == nil {
		encode = bech32.Encode
	}
	s, err := encode(hrp, append(groups, sig...))
	require.NoError(t, err)
	return s
}

func TestRaw_BaseIsValid(t *testing.T) {
	t.Parallel()
	inv, err := bolt11.Decode(raw{fields: base}.text(t))
	require.NoError(t, err)
	require.Equal(t, "1 cup coffee", inv.Description)
	require.Equal(t, specPayee, hex.EncodeToString(inv.Payee[:]))
}

// features is a 9 field.
func features(bits ...int) string {
	groups := make([]byte, slices.Max(bits)/5+1)
	for _, b := range bits {
		groups[len(groups)-1-b/5] |= 1 << (b % 5)
	}
	return "9" + letters(byte(len(groups)>>5), byte(len(groups)&31)) + letters(groups...)
}

func letters(groups ...byte) string {
	var s strings.Builder
	for _, g := range groups {
		s.WriteByte(charset[g])
	}
	return s.String()
}
