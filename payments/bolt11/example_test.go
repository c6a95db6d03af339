package bolt11_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/payments/bolt11"
)

// A customer sends an invoice for a refund: it is checked before it is paid.
func ExampleDecode() {
	now := time.Date(2017, 6, 1, 11, 0, 0, 0, time.UTC)
	text := "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"

	inv, err := bolt11.Decode(text, bolt11.Mainnet)
	fmt.Println(err)
	fmt.Printf("%d msat for %q on %v\n", inv.AmountMsat, inv.Description, inv.Network)
	fmt.Println(inv.ExpiresAt, "expired:", inv.Expired(now))

	_, err = bolt11.Decode(text, bolt11.Regtest)
	fmt.Println(errors.Is(err, bolt11.ErrNetwork), err)
	// Output:
	// <nil>
	// 250000000 msat for "1 cup coffee" on bitcoin
	// 2017-06-01 10:58:38 +0000 UTC expired: true
	// true decode invoice: invoice of another network: it is for bitcoin
}

func ExampleSign() {
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	key := bolt11.Key{31: 1} // NewKey makes a good one
	text, err := bolt11.Sign(bolt11.Invoice{
		Network:     bolt11.Regtest,
		AmountMsat:  1_500_000,
		Hash:        [32]byte{1},
		Secret:      [32]byte{2},
		Description: "one coffee",
		CreatedAt:   now,
		ExpiresAt:   now.Add(time.Hour),
	}, key)
	fmt.Println(text[:10], err)

	inv, err := bolt11.Decode(text)
	fmt.Printf("%s, %x, %v\n", inv.Description, inv.Payee[:4], err)
	// Output:
	// lnbcrt15u1 <nil>
	// one coffee, 0279be66, <nil>
}
