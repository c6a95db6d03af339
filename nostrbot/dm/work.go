package dm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/nbd-wtf/go-nostr"
)

// nonceDigits leave room for all that MaxWork can need.
const nonceDigits = 16

// mine adds a NIP-13 nonce tag to an event that is whole but for its signature,
// so that its id begins with zero bits. The author must be set.
func mine(ctx context.Context, ev *nostr.Event, difficulty int) error {
	if difficulty > MaxWork {
		return fmt.Errorf("%w: work of %d bits, at most %d", ErrDraft, difficulty, MaxWork)
	}
	// The nonce is found by its digits, all ones, after the tags before it.
	var nonce [nonceDigits]byte
	for i := range nonce {
		nonce[i] = '1'
	}
	before := len(ev.Tags)
	ev.Tags = append(ev.Tags[:before:before], nostr.Tag{"nonce", string(nonce[:]), strconv.Itoa(difficulty)})
	text := ev.Serialize()
	marker := []byte(`["nonce","` + string(nonce[:]))
	at := bytes.Index(text, marker)
	if at < 0 {
		return fmt.Errorf("work: no place for a nonce")
	}
	digits := text[at+len(marker)-nonceDigits : at+len(marker)]
	for n := 0; ; n++ {
		// Hashing a long message a thousand times takes less than a second.
		if n%1024 == 0 && ctx.Err() != nil {
			return fmt.Errorf("work of %d bits: %w", difficulty, context.Cause(ctx))
		}
		if id := sha256.Sum256(text); leadingZeros(id[:]) >= difficulty {
			ev.Tags[before][1] = string(digits)
			ev.ID = hex.EncodeToString(id[:])
			return nil
		}
		increment(digits)
	}
}

// increment counts in decimal, in place.
func increment(digits []byte) {
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i]++; digits[i] <= '9' {
			return
		}
		digits[i] = '0'
	}
}

func leadingZeros(id []byte) (n int) {
	for _, b := range id {
		if b != 0 {
			return n + bits.LeadingZeros8(b)
		}
		n += 8
	}
	return n
}
