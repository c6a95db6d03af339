package lnd_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/lnd"
)

// warm makes the connection that the next call will use.
func warm(t testing.TB, w *lnd.Wallet) {
	t.Helper()
	_, err := w.LookupInvoice(t.Context(), payments.Hash{1}.String())
	require.ErrorIs(t, err, payments.ErrNotFound)
}

// A lost answer to create is found again by the hash; a lost question leaves
// nothing, and the key stands for one invoice all the same.
func TestLost_Create(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	p := newProxy(t, n.Shop)
	c := config(t, n.Shop, receiving, holding)
	direct := open(t, c)
	c.URL = p.URL()
	w := open(t, c)
	preimage := newPreimage()
	for name, create := range map[string]func(*lnd.Wallet, string) (payments.Invoice, error){
		"plain": func(w *lnd.Wallet, key string) (payments.Invoice, error) {
			return w.CreateInvoice(t.Context(), charge(key))
		},
		"hold": func(w *lnd.Wallet, key string) (payments.Invoice, error) {
			preimage[0]++
			return w.CreateHold(t.Context(), hold(key, preimage))
		},
	} {
		for at, what := range map[cut]string{askLost: "ask", answerLost: "answer"} {
			key := name + "-" + what
			warm(t, w)
			p.lose(at)
			inv, err := create(w, key)
			if err != nil {
				var e *payments.Error
				require.ErrorAs(t, err, &e)
				require.NotEqual(t, payments.Applied, e.Outcome)
				preimage[0]--
				inv, err = create(w, key)
			}
			require.NoError(t, err, key)
			found, err := direct.FindInvoices(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, []payments.Invoice{inv}, found, key)
		}
	}
}

// After a lost answer to pay there is one payment, and never a second; after a
// lost question there may be none, and nobody can tell: it is unknown.
func TestLost_Pay(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	p := newProxy(t, n.Shop)
	c := config(t, n.Shop, receiving, paying)
	c.URL = p.URL()
	w := open(t, c)
	for _, at := range []cut{askLost, answerLost} {
		payee := &received{node: n.Customer}
		r := request(t, payee.invoice(t, price))
		hash := hashOf(t, r.Bolt11)
		warm(t, w)
		p.lose(at)
		_, err := w.Pay(t.Context(), r)
		requireOutcome(t, err, payments.ErrUnavailable, payments.OutcomeUnknown)
		require.False(t, payments.MayRepeat(err))

		if at == answerLost {
			n.Customer.Await(t, hash, "SETTLED")
		} else {
			_, err := w.LookupPayment(t.Context(), hash)
			require.ErrorIs(t, err, payments.ErrNotFound)
		}
		for range 2 {
			paid, err := w.Pay(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, payments.PaySucceeded, paid.State)
		}
		require.Equal(t, lntest.Received{State: "SETTLED", Msat: int64(price), Parts: 1}, n.Customer.LookUp(t, hash))
	}
}

// The answer to settle and to cancel is lost: what the hold became decides.
func TestLost_Hold(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	p := newProxy(t, n.Shop)
	c := config(t, n.Shop, receiving, holding)
	c.URL = p.URL()
	w := open(t, c)
	for _, at := range []cut{askLost, answerLost} {
		preimage := newPreimage()
		inv, err := w.CreateHold(t.Context(), hold(preimage.Hash().String()[:16], preimage))
		require.NoError(t, err)
		paid := make(chan error, 1)
		go func() {
			p, err := n.Customer.Send(t.Context(), inv.Bolt11)
			if err == nil && p.Status != "SUCCEEDED" {
				err = errors.New(p.Reason)
			}
			paid <- err
		}()
		n.Shop.Await(t, inv.Hash, "ACCEPTED")
		warm(t, w)
		p.lose(at)
		err = w.SettleHold(t.Context(), preimage)
		if at == askLost {
			requireOutcome(t, err, payments.ErrUnavailable, payments.OutcomeUnknown)
			require.NoError(t, w.SettleHold(t.Context(), preimage))
		} else {
			require.NoError(t, err)
		}
		require.NoError(t, <-paid)
		require.Equal(t, int64(price), n.Shop.LookUp(t, inv.Hash).Msat)
		warm(t, w)
		p.lose(answerLost)
		requireOutcome(t, w.CancelHold(t.Context(), inv.Hash), payments.ErrUnavailable, payments.OutcomeUnknown)
	}
}
