package lnaddr

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// maxMessage is the longest message and description (LUD-09), maxCipher the
// longest encrypted one (LUD-10), in base64.
const (
	maxMessage = 144
	maxCipher  = 4096
)

// SuccessAction is what the service wants to tell the payer once the invoice
// is paid (LUD-09). It is a stranger's: show it as text, open nothing. The zero
// value is nothing.
type SuccessAction struct {
	// Text is a message, or the description of URL or of what is encrypted:
	// one line of printable text, at most 144 characters.
	Text string
	// URL is an https one on the callback's host, or empty.
	URL string

	iv, sealed []byte
}

// Encrypted tells whether [SuccessAction.Open] has something to open.
func (s SuccessAction) Encrypted() bool { return len(s.sealed) > 0 }

// Open decrypts what only who paid may read (LUD-10), with the preimage that
// the payment brought: one line of printable text.
func (s SuccessAction) Open(preimage [32]byte) (string, error) {
	if !s.Encrypted() {
		return "", errors.New("lnaddr: the success action holds nothing encrypted")
	}
	block, err := aes.NewCipher(preimage[:])
	if err != nil {
		return "", err
	}
	plain := make([]byte, len(s.sealed))
	cipher.NewCBCDecrypter(block, s.iv).CryptBlocks(plain, s.sealed)
	padding := int(plain[len(plain)-1])
	good := padding >= 1 && padding <= aes.BlockSize
	for i := 0; good && i < padding; i++ {
		good = int(plain[len(plain)-1-i]) == padding
	}
	if !good {
		return "", errors.New("lnaddr: the success action does not open with this preimage")
	}
	return clean(string(plain[:len(plain)-padding]), maxCipher), nil
}

// readSuccess reads a success action on a callback of that host. One that is
// damaged is nothing: the payment is worth more than the message. One of an
// unknown kind must stop the payer, says LUD-09.
func readSuccess(raw json.RawMessage, host string) (SuccessAction, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return SuccessAction{}, nil
	}
	var w struct {
		Tag, Message, Description, URL, Ciphertext, IV json.RawMessage
	}
	if json.Unmarshal(raw, &w) != nil {
		return SuccessAction{}, nil //nolint:nilerr // damaged
	}
	var s SuccessAction
	switch text(w.Tag) {
	case "message":
		s.Text = clean(text(w.Message), maxMessage)
	case "url":
		if u, err := checkURL(text(w.URL)); err == nil && u.Host == host {
			s.URL = u.String()
			s.Text = clean(text(w.Description), maxMessage)
		}
	case "aes":
		sealed, iv := unbase64(text(w.Ciphertext)), unbase64(text(w.IV))
		if len(iv) == aes.BlockSize && len(sealed) > 0 && len(sealed)%aes.BlockSize == 0 {
			s = SuccessAction{Text: clean(text(w.Description), maxMessage), iv: iv, sealed: sealed}
		}
	default:
		return SuccessAction{}, errors.New("a success action of an unknown kind")
	}
	return s, nil
}

func unbase64(s string) []byte {
	if len(s) > maxCipher {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
