package dm

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/chacha20"
)

// NIP-44, version 2. A payload is base64 of
//
//	version (1 byte, 2) | nonce (32) | ciphertext | mac (32)
//
// where the ciphertext is ChaCha20 over the length, the plaintext and zeros.
//
// The length is two bytes, big-endian. Since June 2026 (nips pull request 1907)
// a plaintext of 65,536 bytes and more has two zero bytes there and its length
// in the four that follow; the long form of a short length is invalid. That
// much was checked against the discussion of the NIP and, byte for byte,
// against nostr-tools 2.25.2; the vectors published with the NIP did not cover
// it yet. Readers from before that date refuse such payloads, and nothing tells
// a sender which they are.

// MaxPlaintext is the most that is encrypted or decrypted at once, in bytes.
// NIP-44 would allow 4 GiB, which is more than a stranger should make us
// allocate.
const MaxPlaintext = 1 << 20

const (
	nip44Version     = 2
	nip44Overhead    = 1 + 32 + 32
	nip44MinPayload  = 132     // base64 of overhead, length and 32 bytes
	nip44MaxPayload  = 1398196 // base64 of overhead, long length and MaxPlaintext
	nip44LongFrom    = 1 << 16
	nip44ShortPrefix = 2
	nip44LongPrefix  = 6
)

func conversationKey(shared [32]byte) [32]byte {
	key, err := hkdf.Extract(sha256.New, shared[:], []byte("nip44-v2"))
	if err != nil { // fails on a key too short for FIPS 140, which 32 bytes are not
		panic("dm: hkdf extract: " + err.Error())
	}
	return [32]byte(key)
}

type nip44Keys struct{ chacha, chachaNonce, mac []byte }

func nip44MessageKeys(conversation [32]byte, nonce []byte) nip44Keys {
	k, err := hkdf.Expand(sha256.New, conversation[:], string(nonce), 76)
	if err != nil { // 76 bytes are within what SHA-256 can expand to
		panic("dm: hkdf expand: " + err.Error())
	}
	return nip44Keys{chacha: k[:32], chachaNonce: k[32:44], mac: k[44:]}
}

func (k nip44Keys) cipher(data []byte) {
	c, err := chacha20.NewUnauthenticatedCipher(k.chacha, k.chachaNonce)
	if err != nil { // the two lengths are right by construction
		panic("dm: chacha20: " + err.Error())
	}
	c.XORKeyStream(data, data)
}

func (k nip44Keys) authenticate(nonce, ciphertext []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(nonce)
	h.Write(ciphertext)
	return h.Sum(nil)
}

func encryptNIP44[T string | []byte](conversation, nonce [32]byte, plaintext T) (string, error) {
	n := len(plaintext)
	if n == 0 || n > MaxPlaintext {
		return "", fmt.Errorf("encrypt: %d bytes; nip44 takes 1 to %d here", n, MaxPlaintext)
	}
	prefix := nip44Prefix(n)
	payload := make([]byte, 1+32+prefix+paddedLen(n), nip44Overhead+prefix+paddedLen(n))
	payload[0] = nip44Version
	copy(payload[1:], nonce[:])
	body := payload[33:]
	if prefix == nip44LongPrefix {
		binary.BigEndian.PutUint32(body[2:], uint32(n))
	} else {
		binary.BigEndian.PutUint16(body, uint16(n))
	}
	copy(body[prefix:], plaintext)

	keys := nip44MessageKeys(conversation, nonce[:])
	keys.cipher(body)
	payload = append(payload, keys.authenticate(nonce[:], body)...)
	return encodeBase64(payload), nil
}

// checkNIP44 looks at what can be seen without a key.
func checkNIP44(payload string) error {
	if strings.HasPrefix(payload, "#") {
		return fmt.Errorf("%w: nip44: encoding of a later version", ErrUndecryptable)
	}
	if n := len(payload); n < nip44MinPayload || n > nip44MaxPayload {
		return fmt.Errorf("%w: nip44: payload of %d characters", ErrUndecryptable, n)
	}
	return nil
}

func decryptNIP44(conversation [32]byte, payload string) (string, error) {
	if err := checkNIP44(payload); err != nil {
		return "", err
	}
	data, ok := decodeBase64(payload)
	switch {
	case !ok:
		return "", fmt.Errorf("%w: nip44: not base64", ErrUndecryptable)
	case len(data) < nip44Overhead+nip44ShortPrefix+32:
		return "", fmt.Errorf("%w: nip44: %d bytes", ErrUndecryptable, len(data))
	case data[0] != nip44Version:
		return "", fmt.Errorf("%w: nip44: version %d", ErrUndecryptable, data[0])
	}
	nonce, body, mac := data[1:33], data[33:len(data)-32], data[len(data)-32:]

	keys := nip44MessageKeys(conversation, nonce)
	if !hmac.Equal(mac, keys.authenticate(nonce, body)) {
		return "", fmt.Errorf("%w: nip44: wrong mac", ErrUndecryptable)
	}
	keys.cipher(body)
	plaintext, ok := unpad(body)
	if !ok {
		return "", fmt.Errorf("%w: nip44: wrong padding", ErrUndecryptable)
	}
	if !utf8.Valid(plaintext) {
		return "", fmt.Errorf("%w: nip44: not UTF-8", ErrUndecryptable)
	}
	return string(plaintext), nil
}

func unpad(padded []byte) ([]byte, bool) {
	n := int(binary.BigEndian.Uint16(padded))
	if n == 0 {
		long := binary.BigEndian.Uint32(padded[2:])
		if long < nip44LongFrom || long > MaxPlaintext {
			return nil, false
		}
		n = int(long)
	}
	prefix := nip44Prefix(n)
	if len(padded) != prefix+paddedLen(n) {
		return nil, false
	}
	return padded[prefix : prefix+n], true
}

func nip44Prefix(n int) int {
	if n >= nip44LongFrom {
		return nip44LongPrefix
	}
	return nip44ShortPrefix
}

// paddedLen rounds n up to a multiple of an eighth of the next power of two,
// and of 32. n is at least 1.
func paddedLen(n int) int {
	chunk := max(32, 1<<bits.Len(uint(n-1))/8)
	return (n + chunk - 1) / chunk * chunk
}

// encodeBase64 makes the string without a second copy of it as bytes.
func encodeBase64(data []byte) string {
	var text strings.Builder
	text.Grow(base64.StdEncoding.EncodedLen(len(data)))
	var chunk [1024]byte
	for part := range slices.Chunk(data, len(chunk)/4*3) {
		n := base64.StdEncoding.EncodedLen(len(part))
		base64.StdEncoding.Encode(chunk[:], part)
		text.Write(chunk[:n])
	}
	return text.String()
}

// decodeBase64 is strict: encoding/base64 skips line breaks and would take
// several spellings of the same bytes.
func decodeBase64(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, false
	}
	return b, true
}
