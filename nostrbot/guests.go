package nostrbot

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dmshop/dmshop/internal/relayurl"
	"github.com/dmshop/dmshop/internal/safedial"
)

// guestClient dials the relays that customers name.
func (c *Config) guestClient() (*http.Client, error) {
	if c.GuestClient != nil {
		return c.GuestClient, nil
	}
	guard, err := safedial.New(safedial.Options{})
	if err != nil {
		return nil, fmt.Errorf("guard for customers' relays: %w", err)
	}
	return guard.Client(), nil
}

// publicRelay tells what of a relay's URL the guard lets through, so that a
// list is not taken at its word: TLS, a host name of the Internet, port 443.
// Where the name leads to is checked when it is dialled.
func publicRelay(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "wss" || u.Port() != "" || strings.HasSuffix(u.Hostname(), ".onion") {
		return false
	}
	_, err = safedial.Hostname(u.Hostname())
	return err == nil
}

// normalized gives each relay its one spelling, once.
func normalized(setting string, relays []string) (urls []string, faults []error) {
	for _, raw := range relays {
		u, err := relayurl.Normalize(raw)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", setting, err))
		} else if !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	return urls, faults
}
