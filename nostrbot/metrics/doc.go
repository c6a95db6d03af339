// Package metrics shows a bot to Prometheus: a hook ([nostrbot.Hook]) that
// counts, and a collector that also reads how the relays stand.
//
//	m := metrics.New()
//	bot, err := nostrbot.New(nostrbot.Config{Hooks: []nostrbot.Hook{m}, ...})
//	prometheus.MustRegister(m)
//	http.Handle("/metrics", promhttp.Handler())
//
// What it shows:
//
//	nostrbot_messages_total{command,via,outcome}    messages done
//	nostrbot_message_seconds{outcome}               from taking a message up to its commit
//	nostrbot_message_age_seconds                    how long messages were on their way to the bot
//	nostrbot_messages_refused_total{reason}         turned away by middleware
//	nostrbot_handler_failures_total{command,kind}   runs that ended in an "error" or a "panic"
//	nostrbot_replies_total{via,state}               "sent" or "given-up"
//	nostrbot_reply_seconds{via}                     from the commit to a relay's OK
//	nostrbot_relay_downs_total{relay}               connections that were lost
//	nostrbot_relay_up{relay,what}                   1 when "connected", "live" (EOSE came), "caught_up"
//	nostrbot_relay_events_total{relay}              taken for delivery
//	nostrbot_relay_rejected_total{relay}            events and frames thrown away
//	nostrbot_relay_overflows_total{relay}           subscriptions paused because the bot was slower
//	nostrbot_relay_queued{relay}                    events that wait
//
// command is a name that the program declared, reason a word that its
// middleware uses, relay one of the bot's own: no customer, key or text makes a
// label, and the number of series does not grow with them.
package metrics
