package dm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/internal/eventjson"
)

// How far a message's own date may be from now. The ids of handled messages are
// kept for 16 days, so whatever passes these bounds is still told apart from
// what was handled before: an old command, sent again by a relay or by somebody
// who kept the event, never runs twice.
const (
	// MaxAge is the most that a message may have been on its way.
	MaxAge = 14 * 24 * time.Hour
	// MaxSkew is the most that the author's clock may be ahead.
	MaxSkew = 24 * time.Hour
)

// The kinds of event that carry a message.
const (
	kindDM       = nostr.KindEncryptedDirectMessage // 4
	kindSeal     = nostr.KindSeal                   // 13
	kindChat     = nostr.KindDirectMessage          // 14
	kindGiftWrap = nostr.KindGiftWrap               // 1059
)

// chatKinds are the rumors of a chat: text, file, reaction, deletion (NIP-17).
var chatKinds = []int{kindChat, 15, nostr.KindReaction, nostr.KindDeletion}

// Open verifies and decrypts an event that a relay delivered: a gift wrap or a
// kind 4. The package documentation says what holds for the message it returns.
// A date ahead of now, within MaxSkew, becomes now: nothing was sent later than
// it arrived.
//
// Its errors are [ErrRefused] in one of its forms when the event is bad, or the
// signer's. They never show text. Open does not change ev, and is safe for
// concurrent use, on the same event too.
func Open(ctx context.Context, s Signer, ev *nostr.Event, now time.Time) (m Message, err error) {
	// The checks below and the fuzz targets are what keeps a stranger's bytes
	// from panicking. Should one get through, it must not end the process.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %w", ErrMalformed, panicError(p))
		}
		if err != nil {
			m, err = Message{}, fmt.Errorf("dm: open: %w", err)
		}
	}()
	me, err := s.PubKey()
	if err != nil {
		return Message{}, err
	}
	if ev == nil {
		return Message{}, fmt.Errorf("%w: no event", ErrMalformed)
	}
	switch ev.Kind {
	case kindGiftWrap:
		return openNIP17(ctx, s, me, ev, now)
	case kindDM:
		return openNIP04(ctx, s, me, ev, now)
	}
	return Message{}, fmt.Errorf("%w: event of kind %d", ErrKind, ev.Kind)
}

func openNIP17(ctx context.Context, s Signer, me PubKey, wrap *nostr.Event, now time.Time) (Message, error) {
	throwaway, err := checkOuter(wrap, me)
	if err != nil {
		return Message{}, err
	}
	if !eventjson.CheckID(wrap) {
		return Message{}, fmt.Errorf("%w: id of the wrap", ErrForged)
	}
	text, err := s.Decrypt(ctx, NIP44, throwaway, wrap.Content)
	if err != nil {
		return Message{}, fmt.Errorf("wrap: %w", err)
	}
	seal, author, err := openSeal(text, me)
	if err != nil {
		return Message{}, err
	}
	text, err = s.Decrypt(ctx, NIP44, author, seal.Content)
	if err != nil {
		return Message{}, fmt.Errorf("seal: %w", err)
	}
	rumor, err := openRumor(text, seal.PubKey, me, now)
	if err != nil {
		return Message{}, err
	}
	return message(rumor, wrap.ID, author, NIP17, rumor.Content, now), nil
}

// checkOuter does what needs no cryptography: size, addressee, author's form.
// The form comes before the id, here as for the seal: CheckID copies the author
// into the hashed text as it is.
func checkOuter(ev *nostr.Event, me PubKey) (author PubKey, err error) {
	if n := len(ev.Content); n > nip44MaxPayload {
		return author, fmt.Errorf("%w: content of %d bytes", ErrMalformed, n)
	}
	if n := len(ev.Tags); n > maxTags {
		return author, fmt.Errorf("%w: %d tags", ErrMalformed, n)
	}
	if !addressed(ev, me) {
		return author, fmt.Errorf("%w: event of kind %d", ErrNotForUs, ev.Kind)
	}
	key, ok := lowerHex(ev.PubKey)
	if !ok {
		return author, fmt.Errorf("%w: author is not 64 lower-case hex digits", ErrMalformed)
	}
	return key, nil
}

// openSeal verifies who wrote, before the inner ciphertext is touched (NIP-44).
func openSeal(text string, me PubKey) (*nostr.Event, PubKey, error) {
	seal, err := decodeEvent(text)
	if err != nil {
		return nil, PubKey{}, fmt.Errorf("seal: %w", err)
	}
	key, ok := lowerHex(seal.PubKey)
	author := PubKey(key)
	switch {
	case seal.Kind != kindSeal:
		err = fmt.Errorf("%w: seal of kind %d", ErrKind, seal.Kind)
	case !onlyExpiration(seal.Tags): // NIP-59: empty; NIP-17: or the expiration
		err = fmt.Errorf("%w: seal with %d tags", ErrMalformed, len(seal.Tags))
	case !ok:
		err = fmt.Errorf("%w: seal's author is not 64 lower-case hex digits", ErrMalformed)
	case author == me:
		err = ErrOwn
	case !eventjson.CheckID(seal):
		err = fmt.Errorf("%w: id of the seal", ErrForged)
	case !checkSignature(seal, author):
		err = fmt.Errorf("%w: signature of the seal", ErrForged)
	}
	return seal, author, err
}

func openRumor(text, author string, me PubKey, now time.Time) (*nostr.Event, error) {
	rumor, err := decodeEvent(text)
	if err != nil {
		return nil, fmt.Errorf("rumor: %w", err)
	}
	switch {
	case rumor.PubKey != author:
		return nil, fmt.Errorf("%w: rumor by another author than the seal", ErrForged)
	case !slices.Contains(chatKinds, rumor.Kind):
		return nil, fmt.Errorf("%w: rumor of kind %d", ErrKind, rumor.Kind)
	case !addressed(rumor, me):
		return nil, fmt.Errorf("%w: rumor", ErrNotForUs)
	}
	if err := checkDate(rumor.CreatedAt, now); err != nil {
		return nil, err
	}
	if rumor.ID == "" { // NIP-59 shows one, but it adds nothing
		rumor.ID = rumor.GetID()
	} else if !eventjson.CheckID(rumor) {
		return nil, fmt.Errorf("%w: id of the rumor", ErrForged)
	}
	return rumor, nil
}

func openNIP04(ctx context.Context, s Signer, me PubKey, ev *nostr.Event, now time.Time) (Message, error) {
	author, err := checkOuter(ev, me)
	if err != nil {
		return Message{}, err
	}
	if author == me {
		return Message{}, ErrOwn
	}
	if err := checkDate(ev.CreatedAt, now); err != nil {
		return Message{}, err
	}
	if err := checkNIP04(ev.Content); err != nil {
		return Message{}, err
	}
	switch {
	case !eventjson.CheckID(ev):
		return Message{}, fmt.Errorf("%w: id of the event", ErrForged)
	case !checkSignature(ev, author):
		return Message{}, fmt.Errorf("%w: signature of the event", ErrForged)
	}
	text, err := s.Decrypt(ctx, AESCBC, author, ev.Content)
	if err != nil {
		return Message{}, fmt.Errorf("kind 4: %w", err)
	}
	if !utf8.ValidString(text) { // a signer elsewhere may not look
		return Message{}, fmt.Errorf("%w: nip04: no text comes out", ErrUndecryptable)
	}
	return message(ev, ev.ID, author, NIP04, text, now), nil
}

func message(ev *nostr.Event, eventID string, from PubKey, via Protocol, text string, now time.Time) Message {
	dated := time.Unix(int64(ev.CreatedAt), 0)
	sent := dated
	if now = now.Truncate(time.Second); sent.After(now) {
		sent = now
	}
	return Message{
		ID: ev.ID, EventID: eventID, From: from, Kind: ev.Kind, Text: text,
		SentAt: sent.UTC(), Dated: dated.UTC(), Via: via, ReplyTo: repliesTo(ev),
	}
}

func checkDate(at nostr.Timestamp, now time.Time) error {
	switch n := nostr.Timestamp(now.Unix()); {
	case at < n-nostr.Timestamp(MaxAge/time.Second):
		return fmt.Errorf("%w: older than %v", ErrStale, MaxAge)
	case at > n+nostr.Timestamp(MaxSkew/time.Second):
		return fmt.Errorf("%w: more than %v ahead", ErrStale, MaxSkew)
	}
	return nil
}

func addressed(ev *nostr.Event, me PubKey) bool {
	return ev.Tags.FindWithValue("p", me.String()) != nil
}

// repliesTo is the last "e" tag that holds an id.
func repliesTo(ev *nostr.Event) string {
	for _, tag := range slices.Backward(ev.Tags) {
		if len(tag) >= 2 && tag[0] == "e" {
			if _, ok := lowerHex(tag[1]); ok {
				return tag[1]
			}
		}
	}
	return ""
}

// panicError shows the runtime's own panics, which tell of indexes and types;
// any other value might hold text.
func panicError(p any) error {
	if err, ok := p.(runtime.Error); ok {
		return err
	}
	return errors.New("panic")
}
