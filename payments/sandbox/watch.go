package sandbox

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/dmshop/dmshop/payments"
)

// others is how often the journal is read for what other processes wrote.
const others = time.Second

// Watch implements payments.Watcher: a notice for whatever happens to an
// invoice of this wallet, other than its expiry. A cursor is a position in the
// network's journal.
func (w *Wallet) Watch(ctx context.Context, cursor string, fn func(context.Context, payments.Notice) error) error {
	const op = "watch"
	position, err := strconv.Atoi(cursor)
	switch {
	case cursor == "":
		v, err := w.network.journal.look(ctx, payments.Hash{}, "")
		if err != nil {
			return refused(op, payments.ErrUnavailable, err)
		}
		position = v.length
	case err != nil || position < 0:
		return refused(op, payments.ErrInvalid, fmt.Errorf("a cursor of %d bytes that Watch did not give", len(cursor)))
	}
	tick := time.NewTicker(others)
	defer tick.Stop()
	for {
		grown := w.network.journal.growth()
		if position, err = w.tell(ctx, position, fn); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return refused(op, payments.ErrUnavailable, ctx.Err())
		case <-grown:
		case <-tick.C:
		}
	}
}

// tell calls fn for all that stands in the journal from position on.
func (w *Wallet) tell(ctx context.Context, position int, fn func(context.Context, payments.Notice) error) (int, error) {
	for {
		var p paymentRecord
		found, err := w.network.records.read(ctx, paymentName(position), &p)
		if err != nil {
			return position, refused("watch", payments.ErrUnavailable, err)
		}
		if !found {
			// As a node does, give back what was held too long.
			_, err := w.network.journal.look(ctx, payments.Hash{}, "")
			if err != nil {
				return position, refused("watch", payments.ErrUnavailable, err)
			}
			return position, nil
		}
		position++
		if p.To != w.name {
			continue
		}
		if err := fn(ctx, notice(p, position)); err != nil {
			return position, err
		}
	}
}

func notice(p paymentRecord, position int) payments.Notice {
	return payments.Notice{
		ID: p.Hash.String(), Delivery: fmt.Sprintf("sandbox-%d", position), Cursor: strconv.Itoa(position),
	}
}
