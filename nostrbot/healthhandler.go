package nostrbot

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// healthFresh is how long a report is shown again: whoever may ask can ask as
// often as they like.
const healthFresh = time.Second

// HealthHandler answers whether the bot is well: 200 when the inbox is live on
// enough relays, the Store answers and no reply waits for too long; 503 when not
// so, or not yet. The body is a [HealthReport] with the reasons.
//
//	http.Handle("/health", bot.HealthHandler(nostrbot.HealthLimits{Relays: 2}))
//
// It tells of relays and errors, of no customer; still, keep it to yourself. The
// bot is looked at once a second at most, however many ask. A Store that hangs
// is a reason for 503, not for hanging.
func (b *Bot) HealthHandler(limits HealthLimits) http.Handler {
	limits.setDefaults()
	return &healthHandler{bot: b, limits: limits}
}

type healthHandler struct {
	bot    *Bot
	limits HealthLimits

	mu      sync.Mutex
	last    HealthReport
	at      time.Time     // of last; zero when there is none
	running chan struct{} // closed when the check under way is over; nil when there is none
}

func (h *healthHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	report := h.report(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !report.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report) // whoever asked may be gone
}

// report waits for the check under way, or begins one. It does not end when the
// one who asked goes away, since others wait for it.
func (h *healthHandler) report(ctx context.Context) HealthReport {
	h.mu.Lock()
	if !h.at.IsZero() && time.Since(h.at) < healthFresh {
		defer h.mu.Unlock()
		return h.last
	}
	if h.running == nil {
		h.running = make(chan struct{})
		go h.check()
	}
	running := h.running
	h.mu.Unlock()

	patience := time.NewTimer(h.limits.Probe + time.Second)
	defer patience.Stop()
	select {
	case <-running:
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.last
	case <-patience.C:
	case <-ctx.Done():
	}
	return HealthReport{At: h.bot.now().UTC(), Relays: []RelayHealth{}, Reasons: []string{"the store hangs"}}
}

func (h *healthHandler) check() {
	report := h.bot.CheckHealth(context.Background(), h.limits)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.at = report, time.Now()
	close(h.running)
	h.running = nil
}
