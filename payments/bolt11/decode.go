package bolt11

import (
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/lightningnetwork/lnd/zpay32"
)

// maxLength is what one QR code holds, and zpay32's own bound.
const maxLength = 7089

// Decode reads an invoice in lower or upper case. With networks given, one of
// another network is [ErrNetwork]. It has no clock: an invoice that expired is
// read like any other, see [Invoice.Expired].
func Decode(s string, networks ...Network) (inv Invoice, err error) {
	defer func() {
		// No panic of the libraries below is known for what passes the
		// checks before them; a new one costs an invoice, not the process.
		if p := recover(); p != nil {
			inv, err = Invoice{}, fmt.Errorf("decode invoice: %w", ErrMalformed)
		}
	}()
	inv, err = decode(s, networks)
	if err != nil {
		return Invoice{}, fmt.Errorf("decode invoice: %w", err)
	}
	return inv, nil
}

func decode(s string, networks []Network) (Invoice, error) {
	if len(s) > maxLength {
		return Invoice{}, fmt.Errorf("%w: %d bytes, want at most %d", ErrMalformed, len(s), maxLength)
	}
	hrp, data, err := bech32.DecodeNoLimit(s)
	if err != nil {
		return Invoice{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	network, msat, err := parsePrefix(hrp)
	if err != nil {
		return Invoice{}, err
	}
	if len(networks) > 0 && !slices.Contains(networks, network) {
		return Invoice{}, fmt.Errorf("%w: it is for %v", ErrNetwork, network)
	}
	if len(data) < timestampGroups+signatureGroups {
		return Invoice{}, fmt.Errorf("%w: too short", ErrMalformed)
	}
	signed, signature := data[:len(data)-signatureGroups], data[len(data)-signatureGroups:]
	f, err := parseFields(signed[timestampGroups:])
	if err != nil {
		return Invoice{}, err
	}
	payee, err := verify(hrp, signed, signature, f.payee)
	if err != nil {
		return Invoice{}, err
	}
	if f.twice != "" {
		return Invoice{}, fmt.Errorf("%w: field %s is given twice", ErrMalformed, f.twice)
	}
	if err := checkFeatures(f.features); err != nil {
		return Invoice{}, err
	}
	raw, err := zpay32.Decode(s, network.params())
	if err != nil {
		return Invoice{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	secret, err := raw.PaymentAddr.UnwrapOrErr(ErrSecret)
	if err != nil {
		return Invoice{}, err
	}
	inv := Invoice{
		Network: network, AmountMsat: msat,
		Hash: *raw.PaymentHash, Secret: secret,
		CreatedAt: raw.Timestamp.UTC(), ExpiresAt: raw.Timestamp.UTC().Add(f.expiry),
		Payee: payee, MinFinalCLTV: f.cltv, Features: f.features,
	}
	if raw.DescriptionHash != nil {
		inv.DescriptionHash = *raw.DescriptionHash
	} else {
		inv.Description = *raw.Description
	}
	return inv, nil
}
