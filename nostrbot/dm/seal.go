package dm

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/eventjson"
)

// Sizes of a text, in bytes as JSON writes them: a line break, a quote and a
// backslash count two, other control characters six. See [TextSize].
const (
	// SafeText is what everybody takes: an event of less than 64 KiB by
	// either protocol, which is the most that many relays accept, and a
	// message that readers from before the long form of NIP-44 can decrypt.
	// A bot keeps its replies below it.
	SafeText = 28_000
	// MaxText is the longest text that [Seal] takes; its event has less than
	// 512 KiB. Above SafeText it depends on the relay and on the reader
	// whether it arrives.
	MaxText = 200_000
)

// TextSize is the size of a text as SafeText and MaxText count it.
func TextSize(text string) int { return jsonLen(text) }

// maxRumor is a rumor around MaxText.
const maxRumor = MaxText + 1<<10

// backdate is how far back the dates of seals and wraps reach. NIP-59 says up
// to two days; the missing hour is for relays that refuse what is older, and
// for readers that ask for two days, when the event leaves late.
const backdate = 47 * time.Hour

// Seal makes a draft into a signed event, ready to be published. By NIP-17 the
// message is dated d.At, and seal and wrap each get a random date in the two
// days before it; by NIP-04 the event is dated d.At. No copy to ourselves is
// made.
//
// Each call makes another event. Keep the result and publish the same bytes
// again; do not seal again, or the recipient sees the message twice. Errors
// that say what is wrong with the draft wrap [ErrDraft]; others are the
// signer's. Seal is safe for concurrent use.
func Seal(ctx context.Context, s Signer, d Draft, opts ...Option) (Sealed, error) {
	sealed, err := seal(ctx, s, d, newEnvelope(opts))
	if err != nil {
		return Sealed{}, fmt.Errorf("dm: seal: %w", err)
	}
	return sealed, nil
}

func seal(ctx context.Context, s Signer, d Draft, e envelope) (Sealed, error) {
	me, err := s.PubKey()
	if err != nil {
		return Sealed{}, err
	}
	if err := d.check(); err != nil {
		return Sealed{}, err
	}
	ev := nostr.Event{
		PubKey:    me.String(),
		CreatedAt: nostr.Timestamp(d.At.Unix()),
		Tags:      nostr.Tags{{"p", d.To.String()}},
		Content:   d.Text,
	}
	if d.ReplyTo != "" {
		ev.Tags = append(ev.Tags, nostr.Tag{"e", d.ReplyTo})
	}
	if d.Via == NIP04 {
		return sealNIP04(ctx, s, me, d, ev, e)
	}
	if d.Nonce != "" {
		ev.Tags = append(ev.Tags, nostr.Tag{"nonce", d.Nonce, "0"})
	}
	ev.Kind = kindChat
	ev.ID = ev.GetID()
	rumor := encodeEvent(&ev)
	wrap, err := wrap(ctx, s, me, d.To, string(rumor), d.At, e)
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{ID: ev.ID, Via: NIP17, Event: wrap, Rumor: rumor}, nil
}

func (d Draft) check() error {
	switch n := jsonLen(d.Text); {
	case d.To.IsZero():
		return fmt.Errorf("%w: set To, the recipient's key", ErrDraft)
	case d.Via != NIP17 && d.Via != NIP04:
		return fmt.Errorf("%w: set Via to %q or %q, not %q", ErrDraft, NIP17, NIP04, d.Via)
	case d.At.IsZero():
		return fmt.Errorf("%w: set At, the message's date", ErrDraft)
	case d.Text == "":
		return fmt.Errorf("%w: the text is empty: write something, or send nothing", ErrDraft)
	case n > MaxText:
		return fmt.Errorf("%w: the text has %d bytes as JSON, of which %d are allowed: split it", ErrDraft, n, MaxText)
	case !utf8.ValidString(d.Text):
		return fmt.Errorf("%w: the text is not UTF-8: clean it with strings.ToValidUTF8", ErrDraft)
	}
	if _, ok := lowerHex(d.ReplyTo); !ok && d.ReplyTo != "" {
		return fmt.Errorf("%w: set ReplyTo to a Message.ID, or to nothing", ErrDraft)
	}
	return nil
}

func sealNIP04(ctx context.Context, s Signer, me PubKey, d Draft, ev nostr.Event, e envelope) (Sealed, error) {
	var err error
	ev.Kind, ev.Tags = kindDM, e.expiration(ev.Tags)
	if ev.Content, err = s.Encrypt(ctx, AESCBC, d.To, d.Text); err != nil {
		return Sealed{}, fmt.Errorf("encrypt kind 4: %w", err)
	}
	if err := e.mine(ctx, me, &ev); err != nil {
		return Sealed{}, err
	}
	if err := sign(ctx, s, me, &ev); err != nil {
		return Sealed{}, fmt.Errorf("sign kind 4: %w", err)
	}
	return Sealed{ID: ev.ID, Via: NIP04, Event: encodeEvent(&ev)}, nil
}

// Wrap puts a new seal and a new gift wrap around a rumor that [Seal] made
// before, with dates counted back from now. To the recipient it is the same
// message: clients tell them apart by the rumor's id. It is for the relay that
// refuses the date of the first wrap ([Recent]) or wants [Work].
//
// rumor is Sealed.Rumor, byte for byte, and must be of the signer's own key.
// Errors about it wrap [ErrDraft].
func Wrap(ctx context.Context, s Signer, to PubKey, rumor []byte, now time.Time, opts ...Option) (event []byte, err error) {
	me, err := s.PubKey()
	if err == nil {
		err = checkRumor(me, to, rumor)
	}
	if err == nil {
		event, err = wrap(ctx, s, me, to, string(rumor), now, newEnvelope(opts))
	}
	if err != nil {
		return nil, fmt.Errorf("dm: wrap: %w", err)
	}
	return event, nil
}

func checkRumor(me, to PubKey, rumor []byte) error {
	if n := len(rumor); n > maxRumor {
		return fmt.Errorf("%w: rumor of %d bytes", ErrDraft, n)
	}
	ev, err := decodeEvent(string(rumor))
	switch {
	case err != nil:
		return fmt.Errorf("%w: rumor is no event", ErrDraft)
	case ev.PubKey != me.String():
		return fmt.Errorf("%w: rumor is by another author than the signer's key", ErrDraft)
	case !slices.Contains(chatKinds, ev.Kind):
		return fmt.Errorf("%w: rumor of kind %d", ErrDraft, ev.Kind)
	case to.IsZero():
		return fmt.Errorf("%w: the recipient's key is missing", ErrDraft)
	}
	return nil
}

func wrap(ctx context.Context, s Signer, me, to PubKey, rumor string, now time.Time, e envelope) ([]byte, error) {
	seal := nostr.Event{Kind: kindSeal, CreatedAt: pastDate(now, backdate), Tags: e.expiration(nostr.Tags{})}
	var err error
	if seal.Content, err = s.Encrypt(ctx, NIP44, to, rumor); err != nil {
		return nil, fmt.Errorf("encrypt the rumor: %w", err)
	}
	if err := sign(ctx, s, me, &seal); err != nil {
		return nil, fmt.Errorf("sign the seal: %w", err)
	}

	// The key of a wrap is used once. It never meets the signer, so that its
	// shared secret is kept nowhere.
	throwaway, _ := newSecret()
	shared, err := sharedSecret(throwaway, to)
	if err != nil {
		return nil, fmt.Errorf("encrypt the seal: %w", err)
	}
	var nonce [32]byte
	rand.Read(nonce[:]) // never fails
	wrap := nostr.Event{
		Kind:      kindGiftWrap,
		CreatedAt: e.wrapDate(now),
		Tags:      e.expiration(nostr.Tags{{"p", to.String()}}),
	}
	wrap.Content, err = encryptNIP44(conversationKey(shared), nonce, encodeEvent(&seal))
	if err != nil {
		return nil, fmt.Errorf("encrypt the seal: %w", err)
	}
	author := publicKey(throwaway)
	if err := e.mine(ctx, author, &wrap); err != nil {
		return nil, err
	}
	if err := signEvent(throwaway, author, &wrap); err != nil {
		return nil, err
	}
	return encodeEvent(&wrap), nil
}

// sign asks the signer, and looks at what came back: one in another process may
// hold another key by now.
func sign(ctx context.Context, s Signer, me PubKey, ev *nostr.Event) error {
	if err := s.Sign(ctx, ev); err != nil {
		return err
	}
	if ev.PubKey != me.String() || !eventjson.CheckID(ev) {
		return errors.New("the signer used another key, or changed the event")
	}
	return nil
}

// pastDate is a random second within the time before now. The remainder's bias
// is about one in 2^46.
func pastDate(now time.Time, within time.Duration) nostr.Timestamp {
	var b [8]byte
	rand.Read(b[:]) // never fails
	back := binary.BigEndian.Uint64(b[:]) % uint64(within/time.Second+1)
	return nostr.Timestamp(now.Unix() - int64(back))
}
