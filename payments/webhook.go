package payments

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// VerifyHMAC tells whether signature is the hex HMAC-SHA256 of body under one
// of the secrets, in constant time: the heart of most webhook verifiers. Give
// it both secrets while they are rotated. An empty secret never counts.
func VerifyHMAC(signature string, body []byte, secrets ...string) bool {
	mac, err := hex.DecodeString(signature)
	if err != nil {
		return false
	}
	matched := false
	for _, secret := range secrets {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write(body)
		if hmac.Equal(h.Sum(nil), mac) && secret != "" {
			matched = true
		}
	}
	return matched
}
