package dm

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/nbd-wtf/go-nostr/nip44"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// vectors are values of nip44.vectors.json, published with NIP-44.
type vectors struct {
	Conversation []vector `json:"get_conversation_key"`
	NoConversion []vector `json:"invalid_get_conversation_key"`
	MessageKeys  []vector `json:"get_message_keys"`
	Encrypt      []vector `json:"encrypt_decrypt"`
	EncryptLong  []vector `json:"encrypt_decrypt_long_msg"`
	NoDecrypt    []vector `json:"invalid_decrypt"`
}

type vector struct {
	Sec1, Sec2, Pub2 string
	ConversationKey  string `json:"conversation_key"`
	Nonce            string
	Plaintext        string
	Payload          string
	Pattern          string
	Repeat           int
	PlaintextSHA256  string `json:"plaintext_sha256"`
	PayloadSHA256    string `json:"payload_sha256"`
	ChachaKey        string `json:"chacha_key"`
	ChachaNonce      string `json:"chacha_nonce"`
	HMACKey          string `json:"hmac_key"`
}

func bytes32(t testing.TB, s string) (b [32]byte) {
	t.Helper()
	raw, err := hex.DecodeString(s)
	require.NoError(t, err)
	require.Len(t, raw, 32)
	return [32]byte(raw)
}

func sha(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func TestNIP44_Vectors(t *testing.T) {
	t.Parallel()
	var v vectors
	fixture(t, "nip44.json", &v)
	require.Len(t, v.Conversation, 35)
	require.Len(t, v.NoConversion, 8)
	require.Len(t, v.MessageKeys, 32)
	require.Len(t, v.Encrypt, 11)
	require.Len(t, v.EncryptLong, 3)
	require.Len(t, v.NoDecrypt, 12)

	agree := func(sec string, pub PubKey) ([32]byte, error) {
		b := bytes32(t, sec)
		secret, err := parseSecret(&b)
		if err != nil {
			return [32]byte{}, err
		}
		x, err := sharedSecret(secret, pub)
		return conversationKey(x), err
	}
	for _, c := range v.Conversation {
		key, err := agree(c.Sec1, bytes32(t, c.Pub2))
		require.NoError(t, err)
		require.Equal(t, c.ConversationKey, hex.EncodeToString(key[:]))
	}
	for _, c := range v.NoConversion {
		_, err := agree(c.Sec1, bytes32(t, c.Pub2))
		require.Error(t, err)
	}
	for _, c := range v.MessageKeys {
		nonce := bytes32(t, c.Nonce)
		keys := nip44MessageKeys(bytes32(t, c.ConversationKey), nonce[:])
		require.Equal(t, c.ChachaKey, hex.EncodeToString(keys.chacha))
		require.Equal(t, c.ChachaNonce, hex.EncodeToString(keys.chachaNonce))
		require.Equal(t, c.HMACKey, hex.EncodeToString(keys.mac))
	}
	for _, c := range v.Encrypt {
		key, err := agree(c.Sec1, newSomeone(c.Sec2).pub)
		require.NoError(t, err)
		require.Equal(t, bytes32(t, c.ConversationKey), key)
		payload, err := encryptNIP44(key, bytes32(t, c.Nonce), c.Plaintext)
		require.NoError(t, err)
		require.Equal(t, c.Payload, payload)
		text, err := decryptNIP44(key, c.Payload)
		require.NoError(t, err)
		require.Equal(t, c.Plaintext, text)
	}
	for _, c := range v.EncryptLong {
		text := strings.Repeat(c.Pattern, c.Repeat)
		require.Equal(t, c.PlaintextSHA256, sha(text))
		payload, err := encryptNIP44(bytes32(t, c.ConversationKey), bytes32(t, c.Nonce), text)
		require.NoError(t, err)
		require.Equal(t, c.PayloadSHA256, sha(payload))
	}
	for _, c := range v.NoDecrypt {
		_, err := decryptNIP44(bytes32(t, c.ConversationKey), c.Payload)
		require.ErrorIs(t, err, ErrUndecryptable)
		require.Equal(t, strings.HasPrefix(c.Payload, "#"), strings.Contains(err.Error(), "later version"))
	}
}

// The hashes are of payloads that nostr-tools 2.25.2 made, the first reference
// implementation with the long form.
func TestNIP44_LongForm(t *testing.T) {
	t.Parallel()
	key := bytes32(t, "8fc262099ce0d0bb9b89bac05bb9e04f9bc0090acc181fef6840ccee470371ed")
	nonce := bytes32(t, "326bcb2c943cd6bb717588c9e5a7e738edf6ed14ec5f5344caa6ef56f0b9cff7")
	for n, want := range map[int]string{
		65535:        "90714492225faba06310bff2f249ebdc2a5e609d65a629f1c87f2d4ffc55330a",
		65536:        "a2facc5f00ce79aad73d1b8f85cbd709e05a017da947a3435fc544d699192865",
		65537:        "30e9462a552a8fceb01966407706ca94136f3a499b3f257157d9aabd1af0837b",
		98304:        "f01c982dbe1c223e1b7a744e55fc3be012b51f5973999ee5176fcd741227ae50",
		98305:        "e3c1e44b62fc8f441542de9323e2cb37dfe0cc9923e0d8725d387ba94d203bac",
		MaxPlaintext: "5ba9f9df14d42e7993cf24f2c31b385259548c33b315bf3b1bc92b6ae0becef8",
	} {
		text := strings.Repeat("x", n)
		payload, err := encryptNIP44(key, nonce, text)
		require.NoError(t, err)
		require.Equal(t, want, sha(payload), "%d bytes", n)
		got, err := decryptNIP44(key, payload)
		require.NoError(t, err)
		require.True(t, got == text, "%d bytes", n)
		if n == MaxPlaintext {
			require.Len(t, payload, nip44MaxPayload)
		}
	}
	for _, n := range []int{0, MaxPlaintext + 1} {
		_, err := encryptNIP44(key, nonce, strings.Repeat("x", n))
		require.ErrorContains(t, err, "1 to 1048576")
	}
}

// sealPadded makes a payload around a padded plaintext of any shape.
func sealPadded(key, nonce [32]byte, padded []byte) string {
	keys := nip44MessageKeys(key, nonce[:])
	keys.cipher(padded)
	data := append([]byte{2}, nonce[:]...)
	data = append(data, padded...)
	return base64.StdEncoding.EncodeToString(append(data, keys.authenticate(nonce[:], padded)...))
}

func TestNIP44_PaddingIsStrict(t *testing.T) {
	t.Parallel()
	key, nonce := [32]byte{1}, [32]byte{2}
	padded := func(size int, prefix ...byte) []byte { return append(prefix, make([]byte, size)...) }
	long := func(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0, 0}, n) }

	text, err := decryptNIP44(key, sealPadded(key, nonce, padded(32, 0, 5)))
	require.NoError(t, err)
	require.Equal(t, "\x00\x00\x00\x00\x00", text)

	for name, p := range map[string][]byte{
		"length zero":           padded(32, 0, 0),
		"short one, long form":  padded(32, long(5)...),
		"short one, disguised":  padded(28, long(5)...), // 34 bytes, as 5 in the short form has
		"65535, long form":      padded(65536, long(65535)...),
		"65535, disguised":      padded(65532, long(65535)...),
		"longer than allowed":   padded(128<<10, long(MaxPlaintext+1)...),
		"longer than there is":  padded(32, 0, 33),
		"length of 4 GiB":       padded(32, long(1<<32-1)...),
		"too much padding":      padded(64, 0, 5),
		"long form, too little": padded(65535, long(65536)...),
		"long form, too much":   padded(65537, long(65536)...),
		"not UTF-8":             padded(31, 0, 1, 0xff),
	} {
		_, err := decryptNIP44(key, sealPadded(key, nonce, p))
		require.ErrorIs(t, err, ErrUndecryptable, name)
	}
}

// Payloads of these sizes do not get as far as the padding.
func TestNIP44_Bounds(t *testing.T) {
	t.Parallel()
	for says, payload := range map[string]string{
		"payload of 131 characters":     strings.Repeat("A", 131),
		"payload of 1398200 characters": strings.Repeat("A", nip44MaxPayload+4),
		"nip44: 98 bytes":               base64.StdEncoding.EncodeToString(append([]byte{2}, make([]byte, 97)...)),
		"version 1":                     base64.StdEncoding.EncodeToString(append([]byte{1}, make([]byte, 98)...)),
	} {
		_, err := decryptNIP44([32]byte{1}, payload)
		require.ErrorIs(t, err, ErrUndecryptable)
		require.ErrorContains(t, err, says)
	}
	n := MaxPlaintext + 1
	padded := append(binary.BigEndian.AppendUint32([]byte{0, 0}, uint32(n)), make([]byte, paddedLen(n))...)
	_, ok := unpad(padded)
	require.False(t, ok)
}

func TestNIP44_EveryBitCounts(t *testing.T) {
	t.Parallel()
	key := [32]byte{1}
	payload, err := encryptNIP44(key, [32]byte{2}, "espresso")
	require.NoError(t, err)
	data, err := base64.StdEncoding.DecodeString(payload)
	require.NoError(t, err)
	for i := range data {
		data[i] ^= 1
		_, err := decryptNIP44(key, base64.StdEncoding.EncodeToString(data))
		require.ErrorIs(t, err, ErrUndecryptable, "byte %d", i)
		data[i] ^= 1
	}
	for _, bad := range []string{payload[:60] + "\n" + payload[60:], payload[:len(payload)-4], payload + "AAAA", "#" + payload, strings.Repeat("=", 132)} {
		_, err := decryptNIP44(key, bad)
		require.ErrorIs(t, err, ErrUndecryptable)
	}
}

func TestBase64_OneSpelling(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"AA=\n=", "A\rAAA", "AB==", "AA", "A-_="} { // AB== is AA== with stray bits
		_, ok := decodeBase64(s)
		require.False(t, ok, s)
	}
	b, ok := decodeBase64("AA==")
	require.True(t, ok)
	require.Equal(t, []byte{0}, b)
}

func TestNIP44_PaddedLen(t *testing.T) {
	t.Parallel()
	// calc_padded_len of the published vectors, and two of the long form.
	for n, want := range map[int]int{
		1: 32, 16: 32, 32: 32, 33: 64, 37: 64, 45: 64, 49: 64, 64: 64, 65: 96, 100: 128, 111: 128,
		200: 224, 250: 256, 256: 256, 257: 320, 320: 320, 383: 384, 384: 384, 400: 448, 500: 512,
		512: 512, 515: 640, 700: 768, 800: 896, 900: 1024, 1020: 1024, 65535: 65536,
		65536: 65536, 65537: 81920, MaxPlaintext: MaxPlaintext,
	} {
		require.Equal(t, want, paddedLen(n), n)
	}
}

// Both ways against go-nostr's, over all the lengths that it can do.
func TestNIP44_GoNostr(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		nonce := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Filter(func(b []byte) bool { return [32]byte(b) != [32]byte{} }).Draw(t, "nonce"))
		n := rapid.IntRange(1, 65535).Draw(t, "length")
		text := strings.Repeat(rapid.StringN(1, 40, 40).Draw(t, "pattern"), n)
		text = strings.ToValidUTF8(text[:n], "?")

		ours, err := encryptNIP44(key, nonce, text)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := nip44.Encrypt(text, key, nip44.WithCustomNonce(nonce[:]))
		if err != nil {
			t.Fatal(err)
		}
		if ours != theirs {
			t.Fatalf("payloads differ at length %d", len(text))
		}
		if got, err := nip44.Decrypt(ours, key); err != nil || got != text {
			t.Fatalf("theirs does not read ours: %v", err)
		}
		if got, err := decryptNIP44(key, theirs); err != nil || got != text {
			t.Fatalf("ours does not read theirs: %v", err)
		}
	})
	// Every length that a message is likely to have, and each step of the padding.
	key, nonce := [32]byte{1}, [32]byte{2}
	lengths := map[int]bool{65534: true, 65535: true}
	for n := range 1200 {
		lengths[n+1] = true
	}
	for p := 1; p <= 65535; p = paddedLen(p) + 1 {
		lengths[p], lengths[min(paddedLen(p), 65535)] = true, true
	}
	for n := range lengths {
		text := strings.Repeat("x", n)
		ours, err := encryptNIP44(key, nonce, text)
		require.NoError(t, err)
		theirs, err := nip44.Encrypt(text, key, nip44.WithCustomNonce(nonce[:]))
		require.NoError(t, err)
		require.True(t, ours == theirs, n)
		got, err := decryptNIP44(key, theirs)
		require.NoError(t, err)
		require.True(t, got == text, n)
	}
}
