package nostrbot

import "github.com/dmshop/dmshop/nostrbot/dm"

// PubKey is a Nostr identity; see [dm.PubKey].
type PubKey = dm.PubKey

// Protocol is the way a DM travels; see [dm.Protocol].
type Protocol = dm.Protocol

// Signer holds the bot's key; see [dm.Signer].
type Signer = dm.Signer

// The two protocols.
const (
	NIP17 = dm.NIP17
	NIP04 = dm.NIP04
)

// ParsePubKey reads an npub or 64 hex digits.
func ParsePubKey(s string) (PubKey, error) { return dm.ParsePubKey(s) }
