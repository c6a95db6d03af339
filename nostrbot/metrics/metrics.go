package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dmshop/dmshop/nostrbot"
)

// Metrics is the hook and the collector of one bot. To show several, give each
// its own, registered through [prometheus.WrapRegistererWith]. It is safe for
// concurrent use.
type Metrics struct {
	messages, refused, failures, replies, downs *prometheus.CounterVec
	took, delivery                              *prometheus.HistogramVec
	age                                         prometheus.Histogram

	bot atomic.Pointer[nostrbot.Bot] // set when it runs
}

var (
	_ prometheus.Collector        = (*Metrics)(nil)
	_ nostrbot.HookStart          = (*Metrics)(nil)
	_ nostrbot.HookMessageHandled = (*Metrics)(nil)
	_ nostrbot.HookMessageRefused = (*Metrics)(nil)
	_ nostrbot.HookHandlerFailed  = (*Metrics)(nil)
	_ nostrbot.HookReplyDelivered = (*Metrics)(nil)
	_ nostrbot.HookReplyGivenUp   = (*Metrics)(nil)
	_ nostrbot.HookRelayDown      = (*Metrics)(nil)
)

// New makes a hook, to be put into the bot's Config and to be registered.
func New() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "nostrbot", Name: name, Help: help}, labels)
	}
	seconds := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: "nostrbot", Name: name, Help: help, Buckets: buckets}
	}
	work := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	travel := []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 600, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600}
	return &Metrics{
		messages: counter("messages_total", "Messages done.", "command", "via", "outcome"),
		refused:  counter("messages_refused_total", "Messages turned away by middleware.", "reason"),
		failures: counter("handler_failures_total", "Runs of handlers that ended in an error or a panic.", "command", "kind"),
		replies:  counter("replies_total", "Messages of the bot that were accepted by a relay, or given up.", "via", "state"),
		downs:    counter("relay_downs_total", "Connections that were lost.", "relay"),
		took:     prometheus.NewHistogramVec(seconds("message_seconds", "From taking a message up to its commit.", work), []string{"outcome"}),
		delivery: prometheus.NewHistogramVec(seconds("reply_seconds", "From the commit of a reply to a relay's OK.", travel), []string{"via"}),
		age:      prometheus.NewHistogram(seconds("message_age_seconds", "How long messages were on their way to the bot.", travel)),
	}
}

// OnStart implements [nostrbot.HookStart].
func (m *Metrics) OnStart(b *nostrbot.Bot) { m.bot.Store(b) }

// OnMessageHandled implements [nostrbot.HookMessageHandled].
func (m *Metrics) OnMessageHandled(h nostrbot.MessageHandled) {
	m.messages.WithLabelValues(h.Command, string(h.Via), string(h.Outcome)).Inc()
	m.took.WithLabelValues(string(h.Outcome)).Observe(h.Took.Seconds())
	m.age.Observe(h.Age.Seconds())
}

// OnMessageRefused implements [nostrbot.HookMessageRefused].
func (m *Metrics) OnMessageRefused(r nostrbot.MessageRefused) {
	m.refused.WithLabelValues(r.Reason).Inc()
}

// OnHandlerFailed implements [nostrbot.HookHandlerFailed].
func (m *Metrics) OnHandlerFailed(f nostrbot.HandlerFailed) {
	kind := "error"
	if f.Panicked {
		kind = "panic"
	}
	m.failures.WithLabelValues(f.Command, kind).Inc()
}

// OnReplyDelivered implements [nostrbot.HookReplyDelivered].
func (m *Metrics) OnReplyDelivered(r nostrbot.ReplySettled) {
	m.replies.WithLabelValues(string(r.Via), string(nostrbot.ParcelSent)).Inc()
	m.delivery.WithLabelValues(string(r.Via)).Observe(r.Took.Seconds())
}

// OnReplyGivenUp implements [nostrbot.HookReplyGivenUp].
func (m *Metrics) OnReplyGivenUp(r nostrbot.ReplySettled) {
	m.replies.WithLabelValues(string(r.Via), string(nostrbot.ParcelGivenUp)).Inc()
}

// OnRelayDown implements [nostrbot.HookRelayDown]. Relays that customers named
// are left out: their names are not ours to choose.
func (m *Metrics) OnRelayDown(url string, _ error) {
	if b := m.bot.Load(); b != nil {
		for _, l := range b.Health() {
			if l.URL == url && !l.Guest {
				m.downs.WithLabelValues(url).Inc()
			}
		}
	}
}
