package nostrbottest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/dmshop/dmshop/nostrbot"
)

// mortal is a Store until the bot is dead. A call under way then may still do
// what it was to do, as with a server; the bot does not hear of it.
type mortal struct {
	nostrbot.Store
	bot  *Bot
	life *life
	dead atomic.Bool
}

// mortalClaimer is one that several processes may share.
type mortalClaimer struct {
	*mortal
	claimer nostrbot.Claimer
}

func (b *Bot) mortalStore(l *life) (nostrbot.Store, *mortal) {
	m := &mortal{Store: b.store, bot: b, life: l}
	if c, ok := b.store.(nostrbot.Claimer); ok {
		return &mortalClaimer{m, c}, m
	}
	return m, m
}

// alive gives what do returns, unless the bot is dead before or after it.
func alive[T any](m *mortal, do func() (T, error)) (T, error) {
	var none T
	if m.dead.Load() {
		return none, errCrashed
	}
	v, err := do()
	if m.dead.Load() {
		return none, errCrashed
	}
	return v, err
}

func aliveErr(m *mortal, do func() error) error {
	_, err := alive(m, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func (m *mortal) Commit(ctx context.Context, batch nostrbot.Batch) error {
	return aliveErr(m, func() error {
		if len(batch.Parcels) == 0 {
			return m.Store.Commit(ctx, batch)
		}
		m.bot.reaches(BeforeCommit, m.life)
		if m.dead.Load() {
			return errCrashed
		}
		err := m.Store.Commit(ctx, batch)
		if err == nil {
			m.bot.reaches(AfterCommit, m.life)
		}
		return err
	})
}

func (m *mortal) Load(ctx context.Context, customer nostrbot.PubKey, now time.Time, ids ...string) (nostrbot.Conversation, error) {
	return alive(m, func() (nostrbot.Conversation, error) { return m.Store.Load(ctx, customer, now, ids...) })
}

func (m *mortal) Pending(ctx context.Context, after nostrbot.PubKey, limit int) ([]nostrbot.PubKey, error) {
	return alive(m, func() ([]nostrbot.PubKey, error) { return m.Store.Pending(ctx, after, limit) })
}

func (m *mortal) Parcels(ctx context.Context, customer nostrbot.PubKey, limit int) ([]nostrbot.Parcel, error) {
	return alive(m, func() ([]nostrbot.Parcel, error) { return m.Store.Parcels(ctx, customer, limit) })
}

func (m *mortal) Update(ctx context.Context, p nostrbot.Parcel) error {
	return aliveErr(m, func() error { return m.Store.Update(ctx, p) })
}

func (m *mortal) ParcelsFor(ctx context.Context, customer nostrbot.PubKey, id string) ([]nostrbot.Parcel, error) {
	return alive(m, func() ([]nostrbot.Parcel, error) { return m.Store.ParcelsFor(ctx, customer, id) })
}

func (m *mortal) Run(ctx context.Context, now time.Time, key string) (r nostrbot.Run, ok bool, err error) {
	r, err = alive(m, func() (nostrbot.Run, error) {
		var r nostrbot.Run
		r, ok, err = m.Store.Run(ctx, now, key)
		return r, err
	})
	return r, ok && err == nil, err
}

func (m *mortal) Due(ctx context.Context, now time.Time, limit int) ([]nostrbot.Run, error) {
	return alive(m, func() ([]nostrbot.Run, error) { return m.Store.Due(ctx, now, limit) })
}

func (m *mortalClaimer) Claim(ctx context.Context, customer nostrbot.PubKey, holder string, lease time.Duration) (time.Duration, error) {
	return alive(m.mortal, func() (time.Duration, error) { return m.claimer.Claim(ctx, customer, holder, lease) })
}

func (m *mortalClaimer) Release(ctx context.Context, customer nostrbot.PubKey, holder string) error {
	return aliveErr(m.mortal, func() error { return m.claimer.Release(ctx, customer, holder) })
}
