package devrelay

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/nbd-wtf/go-nostr/nip11"
)

// serveInfo answers plain HTTP: the NIP-11 document, or a line for humans.
func (r *Relay) serveInfo(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Headers", "*")
	w.Header().Set("Access-Control-Allow-Methods", "GET, OPTIONS")
	if req.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !strings.Contains(req.Header.Get("Accept"), "application/nostr+json") {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(r.opts.Name + " is a Nostr relay: connect with a Nostr client.\n"))
		return
	}
	info := nip11.RelayInformationDocument{
		Name:          r.opts.Name,
		Description:   "in memory, for tests and demos: nothing is kept",
		SupportedNIPs: []any{1, 11, 42},
		Software:      "https://github.com/dmshop/dmshop",
		Limitation: &nip11.RelayLimitationDocument{
			MaxMessageLength: r.Faults.maxMessage(),
			MaxSubscriptions: r.opts.MaxSubscriptions,
			MaxSubidLength:   maxSubID,
			MaxLimit:         r.opts.MaxLimit,
			AuthRequired:     r.Faults.authMode() != AuthOff,
		},
	}
	w.Header().Set("Content-Type", "application/nostr+json")
	_ = json.NewEncoder(w).Encode(info) // a client that left cannot be told
}
