//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// seeders is how many customers are written at once; the store makes groups of
// them.
const seeders = 128

// seedAnswers is how many answers the known customers had.
const seedAnswers = 4

// seed fills the store with many known customers: p.known of them have what one
// customer has whom a bot answered a few times, namely a conversation, the id of
// a message done, and a reply sent. The given customers are among them;
// nobody else's key is known to anybody.
func (p plan) seed(ctx context.Context, s subject, customers []*customer) (err error) {
	begin := time.Now()
	defer func() {
		if err != nil {
			err = fmt.Errorf("make a store of %d customers: %w", p.known, err)
		}
		fmt.Fprintf(os.Stderr, "%s: a store that knows %d customers: %v\n", s.store, p.known, since(begin))
	}()
	model, err := newCustomers(1)
	if err != nil {
		return err
	}
	w, err := newWorld(ctx, s, s.many, model)
	if err != nil {
		return err
	}
	if err = w.prepare(ctx, seedAnswers); err == nil {
		_, err = w.oneByOne(ctx, seedAnswers)
	}
	if err = errors.Join(err, w.close()); err != nil {
		return err
	}

	store, closeStore, err := openStore(ctx, s.store, s.many)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	now := time.Now()
	conv, err := store.Load(ctx, model[0].pub, now)
	if err != nil {
		return err
	}
	if len(conv.State) == 0 {
		return errors.New("the bot kept nothing of its customer")
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
	return errors.Join(errs...)
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
