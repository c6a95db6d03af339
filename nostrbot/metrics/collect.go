package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dmshop/dmshop/nostrbot/relay"
)

// What is read from the relay legs when somebody asks.
var (
	up        = legDesc("relay_up", "1 when the leg is connected, live (EOSE came for its REQ), caught up.", "what")
	events    = legDesc("relay_events_total", "Events taken for delivery.")
	rejected  = legDesc("relay_rejected_total", "Events and frames thrown away.")
	overflows = legDesc("relay_overflows_total", "Subscriptions paused because the bot was slower.")
	queued    = legDesc("relay_queued", "Events that wait.")
)

func legDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("nostrbot_"+name, help, append([]string{"relay"}, labels...), nil)
}

func (m *Metrics) counted() []prometheus.Collector {
	return []prometheus.Collector{m.messages, m.refused, m.failures, m.replies, m.downs, m.took, m.delivery, m.age}
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.counted() {
		c.Describe(ch)
	}
	for _, d := range []*prometheus.Desc{up, events, rejected, overflows, queued} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.counted() {
		c.Collect(ch)
	}
	b := m.bot.Load()
	if b == nil {
		return
	}
	for _, l := range b.Health() {
		if !l.Guest {
			collectLeg(ch, l)
		}
	}
}

func collectLeg(ch chan<- prometheus.Metric, l relay.Leg) {
	for what, is := range map[string]bool{"connected": l.Connected, "live": l.Live, "caught_up": l.CaughtUp} {
		value := 0.0
		if is {
			value = 1
		}
		ch <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, value, l.URL, what)
	}
	for desc, n := range map[*prometheus.Desc]uint64{events: l.Events, rejected: l.Rejected, overflows: l.Overflows} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), l.URL)
	}
	ch <- prometheus.MustNewConstMetric(queued, prometheus.GaugeValue, float64(l.Queued), l.URL)
}
