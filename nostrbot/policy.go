package nostrbot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dmshop/dmshop/nostrbot/dm"
)

// Policy says by which protocol a customer is written to.
type Policy string

const (
	// Auto writes in the protocol in which the customer last wrote. To one who
	// never wrote (or not for [SessionTTL]): NIP-17 if they have a kind 10050
	// list, else both.
	Auto Policy = "auto"
	// Dual writes in NIP-17 if the customer last wrote so, else in both.
	Dual Policy = "dual"
)

// ErrNoNIP17 says that a customer was only ever seen to read NIP-04, which is
// not fit for a secret.
var ErrNoNIP17 = errors.New("the customer's client reads NIP-04 only")

// Profile is what clients show of the bot; see [dm.Profile].
type Profile = dm.Profile

func (c *Config) checkDelivery() (faults []error) {
	switch c.Policy {
	case "", Auto, Dual:
	default:
		faults = append(faults, fmt.Errorf("Policy is %q: use nostrbot.Auto or nostrbot.Dual", c.Policy))
	}
	if c.MaxWork > dm.MaxWork {
		faults = append(faults, fmt.Errorf("MaxWork is %d bits: at most %d", c.MaxWork, dm.MaxWork))
	}
	if c.Expire < 0 {
		faults = append(faults, errors.New("Expire is negative: leave it zero to keep replies"))
	}
	return faults
}

// protocols are those in which to write to a customer.
func (b *Bot) protocols(ctx context.Context, to PubKey, rec *record) []Protocol {
	switch {
	case rec.Via == NIP17, rec.Via == NIP04 && b.cfg.Policy != Dual:
		return []Protocol{rec.Via}
	case rec.Via == "" && b.cfg.Policy != Dual && b.reads(ctx, to).nip17:
		return []Protocol{NIP17}
	}
	return []Protocol{NIP17, NIP04}
}

// takesSecrets tells whether a customer may be able to read NIP-17.
func (b *Bot) takesSecrets(ctx context.Context, to PubKey, rec *record) bool {
	return rec.Via != NIP04 || !rec.seenAt(NIP17).IsZero() || b.reads(ctx, to).nip17
}

// reads asks the directory, which does not answer before Run.
func (b *Bot) reads(ctx context.Context, customer PubKey) reads {
	select {
	case <-b.started:
		return b.directory.get(ctx, customer, patience)
	default:
		return reads{}
	}
}

// Peer is what the bot knows of how to reach a customer.
type Peer struct {
	// Via is the protocol of their last message; empty when they never wrote,
	// or not for [SessionTTL], which empties the other fields too but for the
	// lists.
	Via Protocol
	// NIP17 and NIP04 are when they were last seen to write so; zero is never.
	NIP17, NIP04 time.Time
	// Relays are where their last message came from.
	Relays []string
	// Inbox are those relays of their kind 10050 list that the bot writes to,
	// General those of kind 10002 where they read; see [Config].GuestClient.
	Inbox, General []string
	// Listed says that a list was found. If not, Unreadable tells that nobody
	// could be asked, so that there may be one.
	Listed, Unreadable bool
}

// Peer tells how a customer is reached. It waits shortly for a lookup of their
// relay lists; before Run these are Unreadable.
func (b *Bot) Peer(ctx context.Context, customer PubKey) (Peer, error) {
	conv, err := b.store.Load(ctx, customer, b.now())
	if err != nil {
		return Peer{}, fmt.Errorf("nostrbot: peer: load conversation: %w", err)
	}
	rec, err := readRecord(conv.State)
	if err != nil {
		return Peer{}, fmt.Errorf("nostrbot: peer: %w", err)
	}
	r := b.reads(ctx, customer)
	return Peer{
		Via: rec.Via, NIP17: rec.seenAt(NIP17), NIP04: rec.seenAt(NIP04), Relays: rec.Relays,
		Inbox: r.inbox, General: r.general, Listed: r.finding == found, Unreadable: r.finding == unreadable,
	}, nil
}
