package lnd_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/lntest"
	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/lnd"
)

// pay makes and pays an invoice.
func pay(t testing.TB, n *lntest.Network, w *lnd.Wallet, key string) payments.Invoice {
	t.Helper()
	inv, err := w.CreateInvoice(t.Context(), charge(key))
	require.NoError(t, err)
	n.Customer.Pay(t, inv.Bolt11)
	return inv
}

var errEnough = errors.New("seen enough")

// until watches till an invoice is told, and returns all that was told.
func until(t testing.TB, w *lnd.Wallet, cursor string, want payments.Invoice) (told []payments.Notice) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := w.Watch(ctx, cursor, func(_ context.Context, n payments.Notice) error {
		told = append(told, n)
		if n.ID == want.ID {
			return errEnough
		}
		return nil
	})
	require.ErrorIs(t, err, errEnough)
	return told
}

func ids(told []payments.Notice) (ids []string) {
	for _, n := range told {
		ids = append(ids, n.ID)
	}
	return ids
}

// lnd replays nothing from index 0 on: an empty cursor begins now, and 0 is
// none. From an index on it replays what comes after that one, in order.
func TestWatch_SettleIndex(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving)
	before := pay(t, n, w, "before")

	// Pay until the new watcher tells one: nothing shows when it stands.
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan payments.Notice, 1)
	end := make(chan error, 1)
	go func() {
		end <- w.Watch(ctx, "", func(_ context.Context, n payments.Notice) error { first <- n; return errEnough })
	}()
	var began payments.Notice
	for i := 0; began.ID == ""; i++ {
		require.Less(t, i, 100)
		pay(t, n, w, fmt.Sprint("probe-", i))
		select {
		case began = <-first:
		default:
		}
	}
	require.ErrorIs(t, <-end, errEnough)
	cancel()
	require.NotEqual(t, before.ID, began.ID, "what was before is not told")
	require.NotEmpty(t, began.Cursor)
	require.NotEmpty(t, began.Delivery)

	one, two := pay(t, n, w, "one"), pay(t, n, w, "two")
	told := until(t, w, began.Cursor, two)
	require.NotContains(t, ids(told), began.ID)
	i := slices.Index(ids(told), one.ID)
	require.GreaterOrEqual(t, i, 0, "none is missed")
	require.Less(t, i, len(told)-1, "in order")
	rest := until(t, w, told[i].Cursor, two)
	require.NotContains(t, ids(rest), one.ID)
	require.Equal(t, told[len(told)-1], rest[len(rest)-1], "the same notice, the same name and cursor")

	for _, cursor := range []string{"0", "-1", "x", "1.5", " 1", "99999999999999999999"} {
		err := w.Watch(t.Context(), cursor, func(context.Context, payments.Notice) error { return nil })
		requireOutcome(t, err, payments.ErrInvalid, payments.NotApplied)
	}
}

// cursorOf is the cursor of a paid invoice, as lnd itself says.
func cursorOf(t testing.TB, n *lntest.Node, inv payments.Invoice) string {
	t.Helper()
	var out struct {
		SettleIndex string `json:"settle_index"`
	}
	require.NoError(t, n.Call(t.Context(), "/v1/invoice/"+inv.ID, nil, &out))
	return out.SettleIndex
}

// lnd also streams each invoice that is made: that is no notice.
func TestWatch_MadeIsNotTold(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving)
	cursor := cursorOf(t, n.Shop, pay(t, n, w, "start"))
	paid := pay(t, n, w, "paid")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var open, last payments.Invoice
	err := w.Watch(ctx, cursor, func(_ context.Context, told payments.Notice) error {
		switch told.ID {
		case paid.ID: // the stream stands: now make one, and pay another
			inv, err := w.CreateInvoice(ctx, charge("open"))
			require.NoError(t, err)
			open = inv
			last = pay(t, n, w, "last")
		case open.ID:
			return errors.New("an open invoice was told")
		case last.ID:
			return errEnough
		}
		return nil
	})
	require.ErrorIs(t, err, errEnough, "what fn returned")
}

func TestWatch_Ends(t *testing.T) {
	t.Parallel()
	n := lntest.Start(t)
	w := wallet(t, n.Shop, receiving)
	cursor := cursorOf(t, n.Shop, pay(t, n, w, "start"))
	paid := pay(t, n, w, "paid")
	ctx, cancel := context.WithCancel(t.Context())
	err := w.Watch(ctx, cursor, func(_ context.Context, told payments.Notice) error {
		if told.ID == paid.ID {
			cancel()
		}
		return nil
	})
	requireOutcome(t, err, context.Canceled, payments.NotApplied)
}
