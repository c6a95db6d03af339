package nostrbot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/nostrbot/dm"
	"github.com/dmshop/dmshop/nostrbot/relay"
)

const (
	reassertEvery    = 24 * time.Hour
	reassertRetryMin = time.Minute
	reassertRetryMax = time.Hour
)

// keepLists publishes what the bot says of itself, and looks every day whether
// the relays still have it: some forget what is old.
func (b *Bot) keepLists(ctx context.Context) {
	retry := reassertRetryMin
	for ctx.Err() == nil {
		wait := reassertEvery
		if err := b.assertLists(ctx); err == nil {
			retry = reassertRetryMin
		} else if ctx.Err() == nil {
			b.log.Warn("the bot's own lists are not on all relays yet", "err", err)
			wait = retry
			retry = min(2*retry, reassertRetryMax)
		}
		b.sleep(ctx, wait)
	}
}

// ownEvents are what the bot says of itself, not dated and not signed.
func (b *Bot) ownEvents() (events []*nostr.Event) {
	if !b.cfg.NoLists {
		own := b.directory.own
		events = append(events,
			dm.RelayList{Kind: dm.KindInboxRelays, Read: own}.Event(),
			dm.RelayList{Kind: dm.KindRelays, Read: own, Write: own}.Event())
	}
	if b.cfg.Profile != nil {
		events = append(events, b.cfg.Profile.Event(time.Time{}))
	}
	return events
}

// assertLists gives every relay what it lacks. Its error says which do not have
// it.
func (b *Bot) assertLists(ctx context.Context) error {
	wanted := b.ownEvents()
	if len(wanted) == 0 {
		return nil
	}
	filter := nostr.Filter{Authors: []string{b.me.String()}}
	for _, ev := range wanted {
		filter.Kinds = append(filter.Kinds, ev.Kind)
	}
	answers := b.pool.Fetch(ctx, filter, b.directory.asks...)
	var errs []error
	for _, ev := range wanted {
		ev, err := b.current(ctx, ev, answers)
		if err != nil {
			return fmt.Errorf("kind %d: %w", ev.Kind, err)
		}
		for _, a := range answers {
			has := func(other *nostr.Event) bool { return other.ID == ev.ID }
			if a.Err == nil && slices.ContainsFunc(a.Events, has) {
				continue
			}
			if v := b.pool.Publish(ctx, []byte(ev.String()), a.Relay)[0]; !v.Delivered() {
				errs = append(errs, fmt.Errorf("kind %d to %s: %v", ev.Kind, a.Relay, v))
			}
		}
	}
	return errors.Join(errs...)
}

// current is the newest event that some relay keeps, if it says what is wanted,
// else a new one that is newer: relays drop what is not.
func (b *Bot) current(ctx context.Context, wanted *nostr.Event, answers []relay.Answer) (*nostr.Event, error) {
	var newest *nostr.Event
	for _, a := range answers {
		for _, ev := range a.Events {
			if ev.Kind == wanted.Kind && (newest == nil || newer(ev, newest)) {
				newest = ev
			}
		}
	}
	if newest != nil && newest.Content == wanted.Content && sameTags(newest.Tags, wanted.Tags) {
		return newest, nil
	}
	wanted.CreatedAt = nostr.Timestamp(b.now().Unix())
	if newest != nil {
		wanted.CreatedAt = max(wanted.CreatedAt, newest.CreatedAt+1)
	}
	return wanted, b.cfg.Signer.Sign(ctx, wanted)
}

// newer is NIP-01's order of replaceable events.
func newer(a, b *nostr.Event) bool {
	return a.CreatedAt > b.CreatedAt || a.CreatedAt == b.CreatedAt && a.ID < b.ID
}

func sameTags(a, b nostr.Tags) bool {
	return slices.EqualFunc(a, b, slices.Equal[nostr.Tag])
}
