package sandbox

import (
	"context"
	"sync"
	"time"

	"github.com/dmshop/dmshop/payments"
)

// journal is the list of all that happened to payments of the network, in
// order. It grows by creating the next record, which only one writer can:
// whoever is second reads on and decides anew. What was read is kept as sums.
type journal struct {
	records records
	now     func() time.Time

	mu     sync.Mutex
	length int
	last   map[payments.Hash]paymentRecord
	held   map[payments.Hash]struct{} // those of last that are
	moved  map[string]payments.Msat   // received less paid, by wallet
	grown  chan struct{}              // closed when length changes
}

func newJournal(r records, now func() time.Time) *journal {
	return &journal{
		records: r, now: now, last: map[payments.Hash]paymentRecord{}, held: map[payments.Hash]struct{}{},
		moved: map[string]payments.Msat{}, grown: make(chan struct{}),
	}
}

// view is the journal after its first length entries.
type view struct {
	length  int
	payment *paymentRecord // the last of the hash asked for
	moved   payments.Msat  // by the wallet asked for
	overdue *paymentRecord // a held payment that must go back
}

// look reads the journal to its end. What was appended before the call is
// seen, and no payment is held beyond its time: whoever looks gives it back.
func (j *journal) look(ctx context.Context, h payments.Hash, wallet string) (view, error) {
	for {
		j.mu.Lock()
		position := j.length
		j.mu.Unlock()

		var p paymentRecord
		found, err := j.records.read(ctx, paymentName(position), &p)
		if err != nil {
			return view{}, err
		}
		v, end := j.fold(position, p, found, h, wallet)
		if !end {
			continue
		}
		if v.overdue == nil {
			return v, nil
		}
		back := *v.overdue
		back.Act, back.PaidAt = cancelled, back.Until
		if _, err := j.add(ctx, v, back); err != nil {
			return view{}, err
		}
	}
}

// fold adds the entry read at position, unless another call did, or tells
// what stands at the journal's end.
func (j *journal) fold(position int, p paymentRecord, found bool, h payments.Hash, wallet string) (v view, end bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if found {
		if position == j.length {
			j.append(p)
		}
		return view{}, false
	}
	v = view{length: j.length, moved: j.moved[wallet]}
	if payment, ok := j.last[h]; ok {
		v.payment = &payment
	}
	now := j.now()
	for h := range j.held {
		if payment := j.last[h]; !now.Before(payment.Until) {
			v.overdue = &payment
		}
	}
	return v, true
}

func (j *journal) append(p paymentRecord) {
	j.length++
	j.last[p.Hash] = p
	delete(j.held, p.Hash)
	switch p.Act {
	case paid:
		j.moved[p.From] -= p.Amount
		j.moved[p.To] += p.Amount
	case held:
		j.held[p.Hash] = struct{}{}
		j.moved[p.From] -= p.Amount
	case settled:
		j.moved[p.To] += p.Amount
	case cancelled:
		j.moved[p.From] += p.Amount
	}
	close(j.grown)
	j.grown = make(chan struct{})
}

// add appends p to the journal that v shows; added is false when the journal
// has grown since.
func (j *journal) add(ctx context.Context, v view, p paymentRecord) (added bool, err error) {
	added, err = j.records.create(ctx, paymentName(v.length), p)
	if added {
		j.fold(v.length, p, true, payments.Hash{}, "")
	}
	return added, err
}

// growth is closed when this process learns of another entry.
func (j *journal) growth() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.grown
}
