package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/nostrbot/metrics"
	"github.com/dmshop/dmshop/nostrbot/nostrbottest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func declare(b *nostrbot.Bot) {
	b.Use(nostrbot.RateLimit(4, time.Hour))
	b.Command("ping", "", nostrbot.Say("pong"))
	b.Command("fail WHY", "", func(context.Context, *nostrbot.Message) error { return errors.New("no") })
	b.Command("panic", "", func(context.Context, *nostrbot.Message) error { panic("no") })
}

// A real bot over a real relay, and what Prometheus is shown of it.
func TestMetrics_OfARunningBot(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	net := nostrbottest.New(t)
	net.Bot(t, declare, func(c *nostrbot.Config) {
		c.Hooks = []nostrbot.Hook{m}
		c.Attempts, c.Sorry = 1, "sorry"
		c.OnError = func(context.Context, *nostrbot.Message, error) {}
	})
	alice := net.User(t, "alice", nostrbottest.NIP17)
	alice.Says("ping").Hears("pong")
	alice.Says("fail secret").Hears("sorry")
	alice.Says("panic").Hears("sorry")
	alice.Says("/ping").Hears("pong")
	alice.Says("/PING").HearsMatch("^That is more than I can answer")
	net.Relays[0].Drop()

	want := []string{
		`nostrbot_handler_failures_total{command="fail",kind="error"} 1`,
		`nostrbot_handler_failures_total{command="panic",kind="panic"} 1`,
		`nostrbot_message_age_seconds_count 5`,
		`nostrbot_message_seconds_count{outcome="answered"} 2`,
		`nostrbot_message_seconds_count{outcome="gave-up"} 2`,
		`nostrbot_message_seconds_count{outcome="refused"} 1`,
		`nostrbot_messages_refused_total{reason="too-fast"} 1`,
		`nostrbot_messages_total{command="",outcome="gave-up",via="nip17"} 2`,
		`nostrbot_messages_total{command="ping",outcome="answered",via="nip17"} 2`,
		`nostrbot_messages_total{command="ping",outcome="refused",via="nip17"} 1`,
		`nostrbot_relay_downs_total{relay="RELAY"} 1`,
		`nostrbot_relay_events_total{relay="RELAY"} `,
		`nostrbot_relay_overflows_total{relay="RELAY"} 0`,
		`nostrbot_relay_queued{relay="RELAY"} 0`,
		`nostrbot_relay_rejected_total{relay="RELAY"} 0`,
		`nostrbot_relay_up{relay="RELAY",what="caught_up"} 1`,
		`nostrbot_relay_up{relay="RELAY",what="connected"} 1`,
		`nostrbot_relay_up{relay="RELAY",what="live"} 1`,
		`nostrbot_replies_total{state="sent",via="nip17"} 5`,
		`nostrbot_reply_seconds_count{via="nip17"} 5`,
	}
	var got []string
	shown := func() bool {
		got = scrape(t, registry)
		return len(got) == len(want) && !slices.ContainsFunc(want, func(line string) bool {
			line = strings.ReplaceAll(line, "RELAY", net.Relays[0].URL())
			return !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, line) })
		})
	}
	require.Eventually(t, shown, nostrbottest.Patience, time.Millisecond, "%q", &got)
}

// scrape is what Prometheus reads, without comments, buckets and sums.
func scrape(t *testing.T, registry *prometheus.Registry) (lines []string) {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "_bucket{") && !strings.Contains(line, "_sum") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// The number of series does not grow with the customers.
func TestMetrics_LabelsHoldNoCustomer(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	for i := range 1000 {
		customer := nostrbot.PubKey{byte(i), byte(i >> 8)}
		id := fmt.Sprint(i)
		m.OnMessageHandled(nostrbot.MessageHandled{Customer: customer, ID: id, Command: "ping", Via: nostrbot.NIP17, Outcome: nostrbot.Answered})
		m.OnReplyGivenUp(nostrbot.ReplySettled{Customer: customer, ID: id, Via: nostrbot.NIP04})
		m.OnReplyDelivered(nostrbot.ReplySettled{Customer: customer, ID: id, Via: nostrbot.NIP04, Relays: []string{"wss://" + id}})
		m.OnRelayDown("wss://"+id, nil)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	require.Len(t, scrape(t, registry), 6)
}
