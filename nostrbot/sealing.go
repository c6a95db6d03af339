package nostrbot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nbd-wtf/go-nostr"

	"github.com/dmshop/dmshop/nostrbot/dm"
)

// twinSpacing is how much later than the NIP-17 copy the NIP-04 copy of the
// same reply leaves: relays limit how fast events may follow each other.
const twinSpacing = 500 * time.Millisecond

// outgoing is a message to be sealed.
type outgoing struct {
	text string
	// secret leaves nothing in the Store but the sealed bytes, so that there
	// is nothing from which it could be wrapped anew.
	secret bool
	via    Protocol // empty: by the policy
	expire time.Duration
}

// seal makes the parcels of one commit. Their bytes are part of it, so that
// what is published after a crash is what would have been published before.
// answers is the message that is replied to, if any; key makes messages apart
// that say the same at the same time.
func (b *Bot) seal(ctx context.Context, to PubKey, rec *record, out []outgoing, answers, key string) ([]Parcel, error) {
	if len(out) == 0 {
		return nil, nil
	}
	now := b.now()
	var parcels []Parcel
	for i, o := range out {
		protocols := []Protocol{o.via}
		if o.via == "" {
			protocols = b.protocols(ctx, to, rec)
		}
		var opts []dm.Option
		if o.expire > 0 {
			opts = append(opts, dm.Expires(now.Add(o.expire)))
		}
		for j, text := range dm.Split(o.text, 0) {
			draft := dm.Draft{
				To: to, Text: text, At: rec.replyDate(now), ReplyTo: answers,
				Nonce: nonce(to, key, strconv.Itoa(i), strconv.Itoa(j)),
			}
			for k, via := range protocols {
				draft.Via = via
				s, err := dm.Seal(ctx, b.cfg.Signer, draft, opts...)
				if err != nil {
					return nil, fmt.Errorf("seal reply: %w", err)
				}
				if o.secret {
					s.Rumor = nil
				}
				parcels = append(parcels, Parcel{
					ID: s.ID, To: to, Via: via, Event: s.Event, Rumor: s.Rumor,
					Relays: rec.Relays, State: ParcelPending, DueAt: now.Add(time.Duration(k) * twinSpacing), CreatedAt: now,
				})
			}
		}
	}
	return parcels, nil
}

// nonce is different for each message, and the same each time it is made.
func nonce(to PubKey, parts ...string) string {
	h := sha256.New()
	h.Write(to[:])
	for _, part := range parts {
		h.Write(fmt.Appendf(nil, "%d:%s", len(part), part))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// wrapAnew makes a new envelope for a parcel, which keeps its expiration.
func (b *Bot) wrapAnew(ctx context.Context, p *Parcel, opts ...dm.Option) ([]byte, error) {
	if at := expiration(p.Event); !at.IsZero() {
		opts = append(opts, dm.Expires(at))
	}
	return dm.Wrap(ctx, b.cfg.Signer, p.To, p.Rumor, b.now(), opts...)
}

// expiration reads the date of NIP-40 from an event of ours; zero is none.
func expiration(event []byte) time.Time {
	var ev struct {
		Tags nostr.Tags `json:"tags"`
	}
	if json.Unmarshal(event, &ev) != nil {
		return time.Time{}
	}
	tag := ev.Tags.Find("expiration")
	if tag == nil {
		return time.Time{}
	}
	seconds, err := strconv.ParseInt(tag[1], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
