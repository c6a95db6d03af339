package sandbox

import (
	"context"
	"sync"

	"github.com/dmshop/dmshop/payments"
)

// journal is the list of all payments of the network, in order. It grows by
// creating the next record, which only one writer can: whoever is second reads
// on and decides anew. What was read is kept as sums.
type journal struct {
	records records

	mu     sync.Mutex
	length int
	paid   map[payments.Hash]paymentRecord
	moved  map[string]payments.Msat // received less paid, by wallet
}

func newJournal(r records) *journal {
	return &journal{records: r, paid: map[payments.Hash]paymentRecord{}, moved: map[string]payments.Msat{}}
}

// view is the journal after its first length payments.
type view struct {
	length  int
	payment *paymentRecord // of the hash asked for
	moved   payments.Msat  // by the wallet asked for
}

// look reads the journal to its end. What was appended before the call is seen.
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
		if v, end := j.fold(position, p, found, h, wallet); end {
			return v, nil
		}
	}
}

// fold adds the payment read at position, unless another call did, or tells
// what stands at the journal's end.
func (j *journal) fold(position int, p paymentRecord, found bool, h payments.Hash, wallet string) (v view, end bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if found {
		if position == j.length {
			j.length++
			j.paid[p.Hash] = p
			j.moved[p.From] -= p.Amount
			j.moved[p.To] += p.Amount
		}
		return view{}, false
	}
	v = view{length: j.length, moved: j.moved[wallet]}
	if payment, ok := j.paid[h]; ok {
		v.payment = &payment
	}
	return v, true
}

// add appends p to the journal that v shows; added is false when the journal
// has grown since.
func (j *journal) add(ctx context.Context, v view, p paymentRecord) (added bool, err error) {
	return j.records.create(ctx, paymentName(v.length), p)
}
