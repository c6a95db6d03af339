package dm

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// NIP-04's cipher: AES-256-CBC with PKCS#7 padding, written as
//
//	base64(ciphertext) + "?iv=" + base64(iv)
//
// Nothing in it is authenticated: with a wrong key, one ciphertext in 256 still
// ends in something that looks like padding. The signature of the event is the
// only proof. [Open] checks it first, which also denies a padding oracle to
// whoever caught somebody else's message: under a signature of their own the key
// is another.

const (
	nip04Separator = "?iv="
	nip04IVLen     = 24 // base64 of 16 bytes
	// base64 of MaxPlaintext and a block of padding, and the rest.
	nip04MaxPayload = (MaxPlaintext+aes.BlockSize+2)/3*4 + len(nip04Separator) + nip04IVLen
)

func encryptNIP04(key [32]byte, iv [16]byte, plaintext string) (string, error) {
	if len(plaintext) > MaxPlaintext {
		return "", fmt.Errorf("encrypt: %d bytes; nip04 takes at most %d here", len(plaintext), MaxPlaintext)
	}
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	data := make([]byte, len(plaintext)+pad)
	copy(data, plaintext)
	for i := len(plaintext); i < len(data); i++ {
		data[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(newAES(key), iv[:]).CryptBlocks(data, data)
	return encodeBase64(data) + nip04Separator + base64.StdEncoding.EncodeToString(iv[:]), nil
}

// checkNIP04 looks at what can be seen without a key.
func checkNIP04(payload string) error {
	if n := len(payload); n > nip04MaxPayload {
		return fmt.Errorf("%w: nip04: payload of %d characters", ErrUndecryptable, n)
	}
	body, iv, ok := strings.Cut(payload, nip04Separator)
	switch {
	case !ok:
		return fmt.Errorf("%w: nip04: no iv", ErrUndecryptable)
	case len(iv) != nip04IVLen:
		return fmt.Errorf("%w: nip04: iv of %d characters, not %d", ErrUndecryptable, len(iv), nip04IVLen)
	case body == "":
		return fmt.Errorf("%w: nip04: no ciphertext", ErrUndecryptable)
	}
	return nil
}

func decryptNIP04(key [32]byte, payload string) (string, error) {
	if err := checkNIP04(payload); err != nil {
		return "", err
	}
	body, ivText, _ := strings.Cut(payload, nip04Separator)
	data, ok := decodeBase64(body)
	iv, ivOK := decodeBase64(ivText)
	switch {
	case !ok || !ivOK:
		return "", fmt.Errorf("%w: nip04: not base64", ErrUndecryptable)
	case len(iv) != aes.BlockSize:
		return "", fmt.Errorf("%w: nip04: iv of %d bytes, not %d", ErrUndecryptable, len(iv), aes.BlockSize)
	case len(data)%aes.BlockSize != 0:
		return "", fmt.Errorf("%w: nip04: %d bytes are no whole blocks", ErrUndecryptable, len(data))
	}
	cipher.NewCBCDecrypter(newAES(key), iv).CryptBlocks(data, data)
	data, ok = unpadPKCS7(data)
	if !ok || !utf8.Valid(data) {
		return "", fmt.Errorf("%w: nip04: no text comes out", ErrUndecryptable)
	}
	return string(data), nil
}

// unpadPKCS7 expects whole blocks, at least one, and holds every byte of the
// padding to its value.
func unpadPKCS7(data []byte) ([]byte, bool) {
	pad := int(data[len(data)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, false
	}
	text, tail := data[:len(data)-pad], data[len(data)-pad:]
	for _, b := range tail {
		if int(b) != pad {
			return nil, false
		}
	}
	return text, true
}

func newAES(key [32]byte) cipher.Block {
	block, err := aes.NewCipher(key[:])
	if err != nil { // 32 bytes are a key of AES-256
		panic("dm: aes: " + err.Error())
	}
	return block
}
