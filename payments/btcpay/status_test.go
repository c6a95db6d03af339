package btcpay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

// What can become of an invoice, in both languages.
func TestStatus(t *testing.T) {
	t.Parallel()
	type change func(s *store, id string)
	receive := func(amount payments.Msat, after time.Duration) change {
		return func(s *store, id string) { s.server.Receive(id, amount, s.clock.Now().Add(after)) }
	}
	advance := func(d time.Duration) change { return func(s *store, _ string) { s.clock.Advance(d) } }
	mark := func(status string) change { return func(s *store, id string) { s.server.Mark(id, status) } }
	for name, c := range map[string]struct {
		changes  []change
		status   payments.Status
		received payments.Msat
		late     bool
		manual   bool
	}{
		"open":              {nil, payments.Open, 0, false, false},
		"partial":           {[]change{receive(price/2, 0)}, payments.Partial, price / 2, false, false},
		"in two parts":      {[]change{receive(price/2, 0), receive(price/2, 0)}, payments.Settled, price, false, false},
		"too much":          {[]change{receive(price+1, 0)}, payments.Settled, price + 1, false, false},
		"expired":           {[]change{advance(time.Hour)}, payments.Expired, 0, false, false},
		"partial at expiry": {[]change{receive(price/2, 0), advance(time.Hour)}, payments.Expired, price / 2, false, false},
		"late":              {[]change{advance(time.Hour), receive(price, 0)}, payments.Settled, price, true, false},
		"late and more":     {[]change{advance(time.Hour), receive(price*2, 0)}, payments.Settled, price * 2, true, false},
		"late in part":      {[]change{advance(time.Hour), receive(price/2, 0)}, payments.Expired, price / 2, true, false},
		"marked":            {[]change{mark("Settled")}, payments.Settled, 0, false, true},
		"paid and marked":   {[]change{receive(price, 0), mark("Settled")}, payments.Settled, price, false, true},
		"marked invalid":    {[]change{mark("Invalid")}, payments.Invalid, 0, false, false},
		"paid, invalid":     {[]change{receive(price, 0), mark("Invalid")}, payments.Invalid, price, false, false},
	} {
		for language, version := range versions {
			t.Run(name+" "+language, func(t *testing.T) {
				t.Parallel()
				s := newStore(t, version)
				inv := s.create(t, "order")
				for _, change := range c.changes {
					change(s, inv.ID)
				}
				got := s.look(t, inv.ID)
				require.Equal(t, c.status, got.Status)
				require.Equal(t, c.received, got.Received)
				require.Equal(t, c.late, got.Late)
				require.Equal(t, c.manual, got.Manual)
				require.Equal(t, c.status == payments.Settled && c.received > 0, !got.SettledAt.IsZero())
				require.Equal(t, got, s.create(t, "order"), "the key is taken")
			})
		}
	}
}
