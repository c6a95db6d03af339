package payments_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

func TestCapabilities(t *testing.T) {
	t.Parallel()
	c := payments.CanFind | payments.CanPay | payments.CanSubSat
	require.Equal(t, "find, pay, sub-satoshi", c.String())
	require.Empty(t, payments.Capabilities(0).String())
	require.True(t, c.Has(payments.CanFind|payments.CanPay))
	require.False(t, c.Has(payments.CanFind|payments.CanHold))
	require.Equal(t, 9, strings.Count(payments.Capabilities(1<<9-1).String(), ",")+1, "each has a name")
}

func TestHoldCharge_Validate(t *testing.T) {
	t.Parallel()
	good := payments.HoldCharge{Charge: payments.Charge{Key: "k", Amount: 1}, Hash: payments.Hash{1}}
	require.NoError(t, good.Validate())
	for name, spoil := range map[string]func(*payments.HoldCharge){
		"no key":       func(c *payments.HoldCharge) { c.Key = "" },
		"no hash":      func(c *payments.HoldCharge) { c.Hash = payments.Hash{} },
		"negative for": func(c *payments.HoldCharge) { c.For = -time.Second },
	} {
		c := good
		spoil(&c)
		require.ErrorIs(t, c.Validate(), payments.ErrInvalid, name)
	}
}

func TestVerifyHMAC(t *testing.T) {
	t.Parallel()
	// RFC 4231, test case 2.
	const mac = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	body := []byte("what do ya want for nothing?")
	require.True(t, payments.VerifyHMAC(mac, body, "Jefe"))
	require.True(t, payments.VerifyHMAC(strings.ToUpper(mac), body, "Jefe"))
	require.True(t, payments.VerifyHMAC(mac, body, "new", "Jefe"), "any one of them")
	require.True(t, payments.VerifyHMAC(mac, body, "Jefe", "new"))
	for name, refused := range map[string]bool{
		"another secret":  payments.VerifyHMAC(mac, body, "jefe"),
		"no secret":       payments.VerifyHMAC(mac, body),
		"another body":    payments.VerifyHMAC(mac, body[1:], "Jefe"),
		"cut signature":   payments.VerifyHMAC(mac[:62], body, "Jefe"),
		"longer":          payments.VerifyHMAC(mac+"00", body, "Jefe"),
		"not hex":         payments.VerifyHMAC("sha256="+mac, body, "Jefe"),
		"empty":           payments.VerifyHMAC("", body, "Jefe"),
		"an empty secret": payments.VerifyHMAC("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", nil, ""),
	} {
		require.False(t, refused, name)
	}
}

// ledger is a payer that remembers what it was asked.
type ledger struct {
	asked  []payments.PayRequest
	looked []payments.Hash
}

func (l *ledger) Pay(_ context.Context, r payments.PayRequest) (payments.Payment, error) {
	l.asked = append(l.asked, r)
	return payments.Payment{Hash: payments.Hash{7}, State: payments.PayPending}, nil
}

func (l *ledger) LookupPayment(_ context.Context, h payments.Hash) (payments.Payment, error) {
	l.looked = append(l.looked, h)
	return payments.Payment{Hash: h, State: payments.PaySucceeded}, nil
}

func TestRefundByInvoice(t *testing.T) {
	t.Parallel()
	away := errors.New("service is away: alice")
	fetched := 0
	wallet := &ledger{}
	r := payments.RefundByInvoice(wallet, func(_ context.Context, r payments.Refund) (string, payments.Hash, error) {
		fetched++
		switch r.Destination {
		case "alice":
			return "lnbcrt1alice", payments.Hash{7}, nil
		case "empty":
			return "", payments.Hash{}, nil
		}
		return "", payments.Hash{}, away
	})
	refund := payments.Refund{Key: "refund-1", Destination: "alice", Amount: 21 * payments.Sat, MaxFee: 5}
	attempt, err := r.PrepareRefund(t.Context(), refund)
	require.NoError(t, err)
	require.Empty(t, wallet.asked, "no money moves")

	for range 2 {
		payment, err := r.ExecuteRefund(t.Context(), attempt)
		require.NoError(t, err)
		require.Equal(t, payments.PayPending, payment.State)
	}
	want := payments.PayRequest{Bolt11: "lnbcrt1alice", Amount: 21 * payments.Sat, MaxFee: 5}
	require.Equal(t, []payments.PayRequest{want, want}, wallet.asked, "the same invoice each time")
	require.Equal(t, 1, fetched)

	_, err = r.RefundStatus(t.Context(), attempt)
	require.NoError(t, err)
	require.Equal(t, []payments.Hash{{7}}, wallet.looked)

	for destination, kind := range map[string]error{"bob": payments.ErrUnavailable, "empty": payments.ErrInvalid, "": payments.ErrInvalid} {
		refund.Destination = destination
		_, err = r.PrepareRefund(t.Context(), refund)
		require.ErrorIs(t, err, kind)
		require.True(t, payments.MayRepeat(err))
	}
	for _, spoilt := range []string{"", "{", "null", "{}", strings.Replace(string(attempt), "21000", "0", 1), string(attempt[1:])} {
		_, err := r.ExecuteRefund(t.Context(), []byte(spoilt))
		require.ErrorIs(t, err, payments.ErrInvalid, spoilt)
		require.NotContains(t, err.Error(), "alice")
		_, err = r.RefundStatus(t.Context(), []byte(spoilt))
		require.ErrorIs(t, err, payments.ErrInvalid, spoilt)
	}
	require.Len(t, wallet.asked, 2)
	require.Panics(t, func() { payments.RefundByInvoice(nil, nil) })
}

func FuzzRefundAttempt(f *testing.F) {
	f.Add(fmt.Appendf(nil, `{"bolt11":"lnbc1","hash":%q,"amount_msat":1,"max_fee_msat":0}`, payments.Hash{1}))
	f.Add([]byte(`{"hash":7}`))
	f.Fuzz(func(t *testing.T, attempt []byte) {
		wallet := &ledger{}
		r := payments.RefundByInvoice(wallet, func(context.Context, payments.Refund) (string, payments.Hash, error) {
			return "", payments.Hash{}, nil
		})
		if _, err := r.ExecuteRefund(t.Context(), attempt); err != nil {
			require.ErrorIs(t, err, payments.ErrInvalid)
			require.Empty(t, wallet.asked)
			return
		}
		require.Positive(t, wallet.asked[0].Amount)
		require.NotEmpty(t, wallet.asked[0].Bolt11)
	})
}
