//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// seeders is how many customers are written at once; the store makes groups of
// them.
const seeders = 128

// seed makes a store in which p.known customers have what one customer has whom
// a bot answered a few times: their conversation, the ids of messages done, and
// replies sent. It returns how many answers that were. The given customers are
// among them; nobody else's key is known to anybody.
func (p plan) seed(ctx context.Context, s subject, dsn string, customers []*customer) (answers int, err error) {
	answers = 4
	model, err := newCustomers(1)
	if err != nil {
		return 0, err
	}
	w, err := newWorld(ctx, s, dsn, model)
	if err != nil {
		return 0, err
	}
	if err = w.prepare(ctx, answers); err == nil {
		_, err = w.oneByOne(ctx, answers)
	}
	if err = errors.Join(err, w.close()); err != nil {
		return 0, err
	}

	store, closeStore, err := openStore(s.store, dsn)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	now := time.Now()
	conv, err := store.Load(ctx, model[0].pub, now)
	if err != nil {
		return 0, err
	}
	if len(conv.State) == 0 {
		return 0, errors.New("the bot kept nothing of its customer")
	}
	queue := make(chan nostrbot.PubKey)
	errs := make([]error, seeders)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for to := range queue {
				if errs[i] == nil {
					errs[i] = know(ctx, store, to, conv.State, now)
				}
			}
		})
	}
	for i := range p.known {
		var to nostrbot.PubKey
		if i < len(customers) {
			to = customers[i].pub
		} else {
			rand.Read(to[:])
		}
		queue <- to
	}
	close(queue)
	wg.Wait()
	return answers, errors.Join(errs...)
}

// know writes a customer into the store, as if answered once.
func know(ctx context.Context, store nostrbot.Store, to nostrbot.PubKey, state []byte, now time.Time) error {
	var id, done [32]byte
	rand.Read(id[:])
	rand.Read(done[:])
	parcel := nostrbot.Parcel{
		ID: hex.EncodeToString(id[:]), To: to, Via: nostrbot.NIP17, Event: make([]byte, 4000), DueAt: now,
	}
	err := store.Commit(ctx, nostrbot.Batch{
		Customer: to, State: state, Done: []string{hex.EncodeToString(done[:])},
		Parcels: []nostrbot.Parcel{parcel}, Now: now,
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	parcel.State = nostrbot.ParcelSent
	return store.Update(ctx, parcel)
}
