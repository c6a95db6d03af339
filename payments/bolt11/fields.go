package bolt11

import (
	"fmt"
	"math"
	"time"

	"github.com/btcsuite/btcd/btcutil/bech32"
)

// Sizes in groups of 5 bits.
const (
	timestampGroups = 7
	hashGroups      = 52
	keyGroups       = 53
	signatureGroups = 104
)

// fields is what zpay32 does not tell, or tells after it overflowed.
type fields struct {
	payee    []byte // the n field, nil when there is none
	twice    string // a kind of field that came twice
	expiry   time.Duration
	cltv     uint32
	features []int
}

// parseFields walks the tagged fields. p, s, h and n of another length than
// the BOLT's are no such fields, and skipped.
func parseFields(groups []byte) (fields, error) {
	f := fields{expiry: defaultExpiry, cltv: defaultMinFinalCLTV}
	var seen [32]bool
	for len(groups) > 0 {
		if len(groups) < 3 {
			return fields{}, fmt.Errorf("%w: the last field is cut off", ErrMalformed)
		}
		kind, n := groups[0], int(groups[1])<<5|int(groups[2])
		if len(groups) < 3+n {
			return fields{}, fmt.Errorf("%w: the last field is cut off", ErrMalformed)
		}
		data := groups[3 : 3+n]
		groups = groups[3+n:]

		letter := rune(alphabet[kind])
		if size, ok := single[letter]; !ok || size > 0 && n != size {
			continue
		}
		if seen[kind] {
			f.twice = string(letter)
			continue
		}
		seen[kind] = true
		if err := f.set(letter, data); err != nil {
			return fields{}, err
		}
	}
	return f, nil
}

// alphabet is bech32's: a field's kind is the number of its letter.
const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// single are the kinds of field that an invoice holds once, with their size
// where it is fixed.
var single = map[rune]int{
	'p': hashGroups, 's': hashGroups, 'h': hashGroups, 'n': keyGroups,
	'd': 0, 'x': 0, 'c': 0, 'm': 0, '9': 0,
}

func (f *fields) set(letter rune, data []byte) error {
	switch letter {
	case 'n':
		payee, err := bech32.ConvertBits(data, 5, 8, false)
		if err != nil {
			return fmt.Errorf("%w: payee field: %w", ErrMalformed, err)
		}
		f.payee = payee
	case '9', 'x', 'c':
		// BOLT 11: such a field begins with no zero; a reader should refuse.
		if len(data) == 0 || data[0] == 0 {
			return fmt.Errorf("%w: field %c is empty or padded in front", ErrMalformed, letter)
		}
	}
	switch letter {
	case '9':
		f.features = featureBits(data)
	case 'x':
		f.expiry = maxExpiry
		if seconds, ok := number(data); ok && seconds < uint64(maxExpiry/time.Second) {
			f.expiry = time.Duration(seconds) * time.Second
		}
	case 'c':
		blocks, ok := number(data)
		if !ok || blocks > math.MaxUint32 {
			return fmt.Errorf("%w: min_final_cltv_expiry_delta is out of range", ErrMalformed)
		}
		f.cltv = uint32(blocks)
	}
	return nil
}

// number reads a big-endian number; ok is false when it may overflow.
func number(data []byte) (n uint64, ok bool) {
	if len(data) > 12 {
		return 0, false
	}
	for _, g := range data {
		n = n<<5 | uint64(g)
	}
	return n, true
}
