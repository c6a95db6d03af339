package lnd

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/dmshop/dmshop/payments"
)

// Watch implements payments.Watcher: it tells of each invoice that settles,
// also of those that the shop did not make. The cursor is lnd's settle_index.
// It belongs to one node: with one from another node's life, lnd may stay
// silent for long.
//
// lnd replays nothing from index 0, and starts with the one after the index it
// is given only if that one exists. So only indexes that lnd has told are
// cursors, and the empty one begins now. It does not tell of a hold that was
// paid, nor of one that was cancelled, nor of invoices that expired: look
// these up.
func (w *Wallet) Watch(ctx context.Context, cursor string, fn func(context.Context, payments.Notice) error) error {
	const op = "watch invoices"
	path := "/v1/invoices/subscribe"
	var last uint64
	if cursor != "" {
		var err error
		if last, err = strconv.ParseUint(cursor, 10, 63); err != nil || last == 0 {
			return refused(op, payments.ErrInvalid, errors.New("not a cursor of lnd's"))
		}
		path += "?settle_index=" + strconv.FormatUint(last, 10)
	}
	s, err := w.open(ctx, path, nil)
	if err != nil {
		return failed(op, err, payments.NotApplied)
	}
	defer s.close()
	for {
		text, err := s.next()
		if err != nil {
			return failed(op, err, payments.NotApplied)
		}
		inv, m, err := readInvoice(text, time.Now())
		if err != nil {
			return refused(op, payments.ErrUnavailable, err)
		}
		if inv.Status != payments.Settled || m.SettleIndex <= 0 {
			continue // an invoice that was made, or an AMP payment
		}
		// While it replays, lnd may tell what is new twice: the cursor never
		// goes back.
		last = max(last, uint64(m.SettleIndex))
		notice := payments.Notice{
			ID: inv.ID, Delivery: "settle-" + strconv.FormatInt(int64(m.SettleIndex), 10), Cursor: strconv.FormatUint(last, 10),
		}
		if err := fn(ctx, notice); err != nil {
			return err
		}
	}
}
