package bolt11

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil/bech32"
)

// MaxDescription is the longest description, in bytes of UTF-8.
const MaxDescription = 639

// Sign encodes inv and signs it with the payee's key: what Decode reads back is
// inv, with Payee filled in. The same inv and key give the same text.
//
// CreatedAt and ExpiresAt are in whole seconds, at least one apart. Payee may be
// zero; another key's is refused. Zero MinFinalCLTV and nil Features stand for
// 18 blocks, and for the required bits 8 and 14 that a payment secret needs.
// Every invoice that Sign makes, Decode accepts: what it would refuse is an
// error here, of the same kinds.
func Sign(inv Invoice, key Key) (string, error) {
	s, err := sign(inv, key)
	if err != nil {
		return "", fmt.Errorf("sign invoice: %w", err)
	}
	return s, nil
}

func sign(inv Invoice, key Key) (string, error) {
	private, err := key.private()
	if err != nil {
		return "", err
	}
	payee, err := key.Payee()
	if err != nil {
		return "", err
	}
	if inv.Payee != [33]byte{} && inv.Payee != payee {
		return "", fmt.Errorf("%w: the key is not the payee's", ErrSignature)
	}
	if inv.Network.params() == nil {
		return "", fmt.Errorf("%w: %q", ErrNetwork, clip(string(inv.Network)))
	}
	amount, err := formatAmount(inv.AmountMsat)
	if err != nil {
		return "", err
	}
	groups, err := inv.groups()
	if err != nil {
		return "", err
	}
	hrp := "ln" + string(inv.Network) + amount
	digest, err := signedDigest(hrp, groups)
	if err != nil {
		return "", err
	}
	compact := ecdsa.SignCompact(private, digest[:], true)
	signature, err := bech32.ConvertBits(append(compact[1:], compact[0]-compactHeader), 8, 5, true)
	if err != nil {
		return "", err
	}
	return bech32.Encode(hrp, append(groups, signature...))
}

// groups are the timestamp and the fields, in groups of 5 bits.
func (inv Invoice) groups() ([]byte, error) {
	life := inv.ExpiresAt.Sub(inv.CreatedAt)
	switch created := inv.CreatedAt.Unix(); {
	case created < 0 || created >= 1<<(5*timestampGroups):
		return nil, fmt.Errorf("%w: created at %v", ErrMalformed, inv.CreatedAt)
	case inv.CreatedAt.Nanosecond() != 0 || life%time.Second != 0:
		return nil, fmt.Errorf("%w: want whole seconds", ErrMalformed)
	case life < time.Second || life > maxExpiry:
		return nil, fmt.Errorf("%w: a life of %v", ErrMalformed, life)
	case inv.Secret == [32]byte{}:
		return nil, ErrSecret
	case len(inv.Description) > MaxDescription || !utf8.ValidString(inv.Description):
		return nil, fmt.Errorf("%w: description: want at most %d bytes of UTF-8", ErrMalformed, MaxDescription)
	case inv.Description != "" && inv.DescriptionHash != [32]byte{}:
		return nil, fmt.Errorf("%w: both a description and its hash", ErrMalformed)
	}
	features := inv.Features
	if features == nil {
		features = []int{varOnion, paymentSecret}
	}
	for _, bit := range features {
		if bit < 0 || bit >= 5*1023 {
			return nil, fmt.Errorf("%w: bit %d", ErrFeature, bit)
		}
	}
	if err := checkFeatures(features); err != nil {
		return nil, err
	}

	groups := digits(uint64(inv.CreatedAt.Unix()), timestampGroups)
	groups = field(groups, 'p', to5(inv.Hash[:]))
	groups = field(groups, 's', to5(inv.Secret[:]))
	if inv.DescriptionHash != [32]byte{} {
		groups = field(groups, 'h', to5(inv.DescriptionHash[:]))
	} else {
		groups = field(groups, 'd', to5([]byte(inv.Description)))
	}
	groups = field(groups, 'x', digits(uint64(life/time.Second), 1))
	cltv := inv.MinFinalCLTV
	if cltv == 0 {
		cltv = defaultMinFinalCLTV
	}
	groups = field(groups, 'c', digits(uint64(cltv), 1))
	if bits := featureGroups(features); bits != nil {
		groups = field(groups, '9', bits)
	}
	return groups, nil
}

// formatAmount is the shortest way to write msat.
func formatAmount(msat int64) (string, error) {
	switch {
	case msat == 0:
		return "", nil
	case msat < 0 || msat > maxMsat:
		return "", fmt.Errorf("%w: %d msat", ErrAmount, msat)
	}
	for unit, letter := int64(msatPerBTC), ""; ; {
		if msat%unit == 0 {
			return strconv.FormatInt(msat/unit, 10) + letter, nil
		}
		switch letter {
		case "":
			unit, letter = unit/1000, "m"
		case "m":
			unit, letter = unit/1000, "u"
		case "u":
			unit, letter = unit/1000, "n"
		default:
			return strconv.FormatInt(msat, 10) + "0p", nil
		}
	}
}

// field appends a tagged field.
func field(groups []byte, letter rune, data []byte) []byte {
	kind := strings.IndexRune(alphabet, letter)
	groups = append(groups, byte(kind), byte(len(data)>>5), byte(len(data)&31))
	return append(groups, data...)
}

// digits writes n in base 32, with zeros in front up to size.
func digits(n uint64, size int) []byte {
	var d []byte
	for ; n > 0 || len(d) < size; n >>= 5 {
		d = append([]byte{byte(n & 31)}, d...)
	}
	return d
}

// to5 cuts bytes into groups of 5 bits. It cannot fail with padding allowed.
func to5(b []byte) []byte {
	groups, _ := bech32.ConvertBits(b, 8, 5, true)
	return groups
}
