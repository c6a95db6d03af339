package lnd_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/lnd"
)

// A macaroon that may only receive cannot pay, and Pay says that nothing
// happened.
func TestMacaroon_Weak(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving)
	_, err := w.CreateInvoice(t.Context(), charge("order"))
	require.NoError(t, err)

	r := request(t, n.Customer.Invoice(t, int64(price), time.Hour))
	hash := hashOf(t, r.Bolt11)
	_, err = w.Pay(t.Context(), r)
	requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
	_, err = w.LookupPayment(t.Context(), hash)
	requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
	require.Equal(t, "OPEN", n.Customer.LookUp(t, hash).State)

	_, err = w.CreateHold(t.Context(), payments.HoldCharge{Charge: charge("hold"), Hash: payments.Hash{1}})
	requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
	err = w.SettleHold(t.Context(), payments.Preimage{1})
	requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
	err = w.CancelHold(t.Context(), payments.Hash{1})
	requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
}

func TestDescribe_SaysWhatTheMacaroonAllows(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	base := payments.CanFind | payments.CanWatch | payments.CanResume | payments.CanSubSat
	for name, c := range map[string]struct {
		rights []string
		want   payments.Capabilities
	}{
		"receives":          {receiving, base},
		"pays":              {join(receiving, paying), base | payments.CanPay | payments.CanLimitFee},
		"pays, looks not":   {join(receiving, paying[:1]), base},
		"holds":             {join(receiving, holding), base | payments.CanHold},
		"holds, and cannot": {join(receiving, holding[:2]), base},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info, err := wallet(t, n.Shop, c.rights).Describe(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.want, info.Capabilities)
			require.Contains(t, info.Name, "lnd 0.20.0-beta")
			require.Equal(t, "regtest", info.Network)
		})
	}
}

func TestMacaroon_Wrong(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	good := config(t, n.Shop, receiving, paying)
	changed := bytes.Clone(good.Macaroon)
	changed[len(changed)-1] ^= 1
	other := n.Customer.Macaroon(t, join(receiving, paying)...)
	for name, m := range map[string]lnd.Macaroon{
		"changed": changed, "of another node": other, "not one": []byte("not a macaroon"),
	} {
		c := good
		c.Macaroon = m
		w := open(t, c)
		_, err := w.CreateInvoice(t.Context(), charge("order"))
		requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
		_, err = w.Pay(t.Context(), request(t, n.Customer.Invoice(t, int64(price), time.Hour)))
		requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
		_, err = w.Describe(t.Context())
		require.ErrorIs(t, err, payments.ErrAuth, name)
	}
}

// Another certificate than the pinned one gets no request, and no macaroon.
func TestCert_Wrong(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	for name, cert := range map[string][]byte{"of another node": n.Customer.Cert(t), "the system's authorities": nil} {
		c := config(t, n.Shop, receiving, paying)
		c.Cert = cert
		w := open(t, c)
		r := request(t, n.Customer.Invoice(t, int64(price), time.Hour))
		for _, call := range []func() error{
			func() error { _, err := w.CreateInvoice(t.Context(), charge("order")); return err },
			func() error { _, err := w.Pay(t.Context(), r); return err },
			func() error { _, err := w.Describe(t.Context()); return err },
			func() error {
				return w.Watch(t.Context(), "", func(context.Context, payments.Notice) error { return nil })
			},
		} {
			err := call()
			require.ErrorContains(t, err, "certificate", name)
			requireOutcome(t, err, payments.ErrAuth, payments.NotApplied)
		}
		require.Equal(t, "OPEN", n.Customer.LookUp(t, hashOf(t, r.Bolt11)).State)
	}
}

// An lnd of another network than the shop's is found at the start, and its
// invoices are not handed out.
func TestNetwork_Wrong(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	c := config(t, n.Shop, receiving)
	c.Network = bolt11.Mainnet
	w := open(t, c)
	_, err := w.Describe(t.Context())
	requireOutcome(t, err, payments.ErrNetwork, payments.NotApplied)
	for range 2 {
		inv, err := w.CreateInvoice(t.Context(), charge("order"))
		requireOutcome(t, err, payments.ErrNetwork, payments.Applied)
		require.Zero(t, inv)
	}
}
