package dm

import (
	"encoding/json"
	"time"

	"github.com/nbd-wtf/go-nostr"
)

// Profile is what clients show of a bot (kind 0: NIP-01, NIP-24). Empty fields
// are left out.
type Profile struct {
	Name        string `json:"name,omitempty"`
	DisplayName string `json:"display_name,omitempty"`
	About       string `json:"about,omitempty"`
	// Picture, Banner and Website are https:// URLs.
	Picture string `json:"picture,omitempty"`
	Banner  string `json:"banner,omitempty"`
	Website string `json:"website,omitempty"`
	// NIP05 is name@domain, as the domain confirms it.
	NIP05 string `json:"nip05,omitempty"`
	// LUD16 is the Lightning address.
	LUD16 string `json:"lud16,omitempty"`
	// Bot says that no human answers (NIP-24).
	Bot bool `json:"bot,omitempty"`
}

// Event is the profile as an event to be signed.
func (p Profile) Event(at time.Time) *nostr.Event {
	content, err := json.Marshal(p)
	if err != nil { // strings and a bool always encode
		panic("dm: profile: " + err.Error())
	}
	return &nostr.Event{
		Kind: nostr.KindProfileMetadata, CreatedAt: nostr.Timestamp(at.Unix()),
		Tags: nostr.Tags{}, Content: string(content),
	}
}
