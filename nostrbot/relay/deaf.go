package relay

import "errors"

var errDeaf = errors.New("relay accepts events, but does not deliver them to us")

// ReportDeaf is for a caller that published an event to an own relay which its
// filters match, was told OK true, and did not get it back: the relay seems to
// have lost the subscription. The connection is made anew, with a fresh REQ.
// [Leg.Deaf] is set, and [Leg.Live] is not, until [Pool.ReportHeard].
func (p *Pool) ReportDeaf(relay string) { p.setDeaf(relay, true) }

// ReportHeard takes back [Pool.ReportDeaf].
func (p *Pool) ReportHeard(relay string) { p.setDeaf(relay, false) }

func (p *Pool) setDeaf(relay string, deaf bool) {
	for _, l := range p.own {
		if l.url != relay {
			continue
		}
		l.mu.Lock()
		l.health.Deaf = deaf
		if deaf && l.sess != nil {
			l.sess.fail(errDeaf)
		}
		l.mu.Unlock()
	}
}
