package dm

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nbd-wtf/go-nostr/nip04"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNIP04_GoNostr(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		iv := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "iv"))
		text := rapid.String().Draw(t, "text")

		ours, err := encryptNIP04(key, iv, text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := nip04.Decrypt(ours, key[:]); err != nil || got != text {
			t.Fatalf("theirs does not read ours: %v", err)
		}
		theirs, err := nip04.Encrypt(text, key[:])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decryptNIP04(key, theirs); err != nil || got != text {
			t.Fatalf("ours does not read theirs: %v", err)
		}
	})
}

func TestNIP04_SameSecret(t *testing.T) {
	t.Parallel()
	want, err := nip04.ComputeSharedSecret(alice.pub.String(), shop.hex)
	require.NoError(t, err)
	got, err := sharedSecret(shop.secret, alice.pub)
	require.NoError(t, err)
	require.Equal(t, want, got[:])
}

func TestNIP04_Sizes(t *testing.T) {
	t.Parallel()
	key, iv := [32]byte{1}, [16]byte{2}
	for _, n := range []int{0, 1, 15, 16, 17, MaxPlaintext} {
		text := strings.Repeat("x", n)
		payload, err := encryptNIP04(key, iv, text)
		require.NoError(t, err)
		got, err := decryptNIP04(key, payload)
		require.NoError(t, err)
		require.True(t, got == text, n)
		if n == MaxPlaintext {
			require.Len(t, payload, nip04MaxPayload)
		}
	}
	_, err := encryptNIP04(key, iv, strings.Repeat("x", MaxPlaintext+1))
	require.ErrorContains(t, err, "at most 1048576")
}

func TestNIP04_PKCS7IsStrict(t *testing.T) {
	t.Parallel()
	block := func(tail ...byte) []byte { return append(make([]byte, 16-len(tail)), tail...) }
	for _, bad := range [][]byte{block(0), block(17), block(255), block(1, 2), block(3, 2, 3), block(2, 3, 3)} {
		_, ok := unpadPKCS7(bad)
		require.False(t, ok, "%v", bad)
	}
	for want, good := range map[int][]byte{
		15: block(1), 14: block(2, 2), 13: block(4, 3, 3, 3),
		0: bytes.Repeat([]byte{16}, 16), 16: append(block(), bytes.Repeat([]byte{16}, 16)...),
	} {
		text, ok := unpadPKCS7(good)
		require.True(t, ok, "%v", good)
		require.Len(t, text, want)
	}
}

// Without authentication a wrong key sometimes yields something; strictness
// makes that rare, where go-nostr's takes three of four.
func TestNIP04_WrongKey(t *testing.T) {
	t.Parallel()
	read := 0
	for n := range 2000 {
		payload, err := encryptNIP04([32]byte{byte(n), byte(n >> 8)}, [16]byte{9}, "a text of more than two blocks, as they are")
		require.NoError(t, err)
		if _, err := decryptNIP04([32]byte{1, 2, 3}, payload); err == nil {
			read++
		}
	}
	require.LessOrEqual(t, read, 2)
}

func TestNIP04_Shape(t *testing.T) {
	t.Parallel()
	payload, err := encryptNIP04([32]byte{1}, [16]byte{2}, "espresso")
	require.NoError(t, err)
	body, iv, _ := strings.Cut(payload, "?iv=")
	for _, bad := range []string{
		"", "?iv=", body, body + "?iv=", "?iv=" + iv, body + "?IV=" + iv, body + "?iv=" + iv + "?iv=" + iv,
		body + "?iv=" + iv[:20], body + "?iv=" + iv + "AAAA", body + "?iv=" + iv[:23] + "A",
		body[:8] + "\n" + body[8:] + "?iv=" + iv, "!" + body[1:] + "?iv=" + iv, body[:20] + "?iv=" + iv,
		body + "?iv=" + strings.Repeat("A", 24), // decodes to 18 bytes
	} {
		_, err := decryptNIP04([32]byte{1}, bad)
		require.ErrorIs(t, err, ErrUndecryptable, bad)
	}
	for says, bad := range map[string]string{
		"not base64":     body + "?iv=" + strings.Repeat("!", 24),
		"iv of 18 bytes": body + "?iv=" + strings.Repeat("A", 24),
	} {
		_, err := decryptNIP04([32]byte{1}, bad)
		require.ErrorContains(t, err, says)
	}
}
