package payments_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dmshop/dmshop/payments"
)

func inv(s payments.Status, received payments.Msat) payments.Invoice {
	return payments.Invoice{Status: s, Received: received}
}

func late(i payments.Invoice) payments.Invoice   { i.Late = true; return i }
func manual(i payments.Invoice) payments.Invoice { i.Manual = true; return i }

// What a till tells of 1000 msat that were asked for.
func TestChange_Stories(t *testing.T) {
	t.Parallel()
	type seen = []payments.Invoice
	type told = []payments.Event
	open := inv(payments.Open, 0)
	for name, tt := range map[string]struct {
		seen    seen
		told    told
		refused int // look-ups that cannot be
	}{
		"nothing":                    {seen{open, open}, nil, 0},
		"nobody knows":               {seen{inv(payments.StatusUnknown, 0)}, nil, 0},
		"paid":                       {seen{open, inv(payments.Settled, 1000), inv(payments.Settled, 1000)}, told{payments.Paid}, 0},
		"paid over":                  {seen{inv(payments.Settled, 1001)}, told{payments.PaidOver}, 0},
		"paid late":                  {seen{late(inv(payments.Settled, 1000))}, told{payments.PaidLate}, 0},
		"late and over":              {seen{late(inv(payments.Settled, 1500))}, told{payments.PaidLate}, 0},
		"unpaid":                     {seen{open, inv(payments.Expired, 0), inv(payments.Expired, 0)}, told{payments.Unpaid}, 0},
		"unpaid, then late":          {seen{inv(payments.Expired, 0), late(inv(payments.Settled, 1000))}, told{payments.Unpaid, payments.PaidLate}, 0},
		"unpaid was told too soon":   {seen{inv(payments.Expired, 0), inv(payments.Settled, 1000)}, told{payments.Unpaid, payments.PaidLate}, 0},
		"expired with all the money": {seen{inv(payments.Expired, 1000)}, told{payments.PaidLate}, 0},
		"and then declared settled":  {seen{inv(payments.Expired, 1000), inv(payments.Settled, 1000)}, told{payments.PaidLate}, 0},
		"cancelled":                  {seen{inv(payments.Invalid, 0)}, told{payments.Unpaid}, 0},
		"cancelled, and paid":        {seen{inv(payments.Invalid, 0), inv(payments.Invalid, 1000)}, told{payments.Unpaid, payments.PaidLate}, 0},
		"in two parts":               {seen{inv(payments.Partial, 400), inv(payments.Settled, 1000)}, told{payments.PaidPartial, payments.Paid}, 0},
		"in two parts, over":         {seen{inv(payments.Partial, 400), inv(payments.Settled, 1400)}, told{payments.PaidPartial, payments.PaidOver}, 0},
		"a part, and no more":        {seen{inv(payments.Partial, 400), inv(payments.Expired, 400)}, told{payments.PaidPartial, payments.PaidPartial}, 0},
		"a part, late":               {seen{inv(payments.Expired, 0), inv(payments.Expired, 400)}, told{payments.Unpaid, payments.PaidPartial}, 0},
		"two parts, late":            {seen{inv(payments.Expired, 400), inv(payments.Expired, 1000)}, told{payments.PaidPartial, payments.PaidLate}, 0},
		"settled for less":           {seen{inv(payments.Settled, 999)}, told{payments.PaidPartial}, 0},
		"confirming":                 {seen{inv(payments.Processing, 1000), inv(payments.Settled, 1000)}, told{payments.Confirming, payments.Paid}, 0},
		"a part, the rest confirming": {
			seen{inv(payments.Partial, 400), inv(payments.Processing, 1000), inv(payments.Settled, 1000)},
			told{payments.PaidPartial, payments.Confirming, payments.Paid}, 0,
		},
		"held and settled":             {seen{inv(payments.Held, 1000), inv(payments.Settled, 1000)}, told{payments.OnHold, payments.Paid}, 0},
		"held and given back":          {seen{inv(payments.Held, 1000), inv(payments.Invalid, 0)}, told{payments.OnHold, payments.Unpaid}, 0},
		"paid twice":                   {seen{inv(payments.Settled, 1000), inv(payments.Settled, 2000)}, told{payments.Paid, payments.PaidTwice}, 0},
		"twice at once":                {seen{inv(payments.Settled, 2000)}, told{payments.PaidTwice}, 0},
		"paid, and some more":          {seen{inv(payments.Settled, 1000), inv(payments.Settled, 1001)}, told{payments.Paid, payments.PaidTwice}, 0},
		"three times":                  {seen{inv(payments.Settled, 1000), inv(payments.Settled, 2000), inv(payments.Settled, 3000)}, told{payments.Paid, payments.PaidTwice, payments.PaidTwice}, 0},
		"late, and twice":              {seen{late(inv(payments.Settled, 1000)), late(inv(payments.Settled, 2000))}, told{payments.PaidLate, payments.PaidTwice}, 0},
		"marked":                       {seen{manual(inv(payments.Settled, 0))}, told{payments.MarkedPaid}, 0},
		"marked, and paid":             {seen{manual(inv(payments.Settled, 0)), manual(inv(payments.Settled, 1000))}, told{payments.MarkedPaid, payments.Paid}, 0},
		"marked, and a part":           {seen{manual(inv(payments.Settled, 0)), inv(payments.Settled, 1)}, told{payments.MarkedPaid, payments.PaidPartial}, 0},
		"marked, with the money":       {seen{manual(inv(payments.Settled, 1000))}, told{payments.Paid}, 0},
		"paid, a replica lags":         {seen{inv(payments.Settled, 1000), open, inv(payments.Settled, 1000)}, told{payments.Paid}, 1},
		"paid, and taken back":         {seen{inv(payments.Settled, 1000), inv(payments.Invalid, 0)}, told{payments.Paid}, 1},
		"paid, then only a part":       {seen{inv(payments.Settled, 1000), inv(payments.Expired, 400)}, told{payments.Paid}, 1},
		"paid, then marked as refused": {seen{inv(payments.Settled, 1000), inv(payments.Processing, 1000)}, told{payments.Paid}, 1},
		"a part that goes away":        {seen{inv(payments.Partial, 400), inv(payments.Expired, 0)}, told{payments.PaidPartial}, 1},
		"less than nothing":            {seen{inv(payments.Settled, -1)}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changes, refused := payments.Story(1000, tt.seen)
			var events []payments.Event
			for _, c := range changes {
				events = append(events, c.Event)
				require.Equal(t, "k", c.Key)
			}
			require.Equal(t, tt.told, events)
			require.Equal(t, tt.refused, refused)
		})
	}
}

// Whatever a wallet says, in whatever order: no money is passed over, none is
// told twice, and nobody who paid hears that they did not.
func TestChange_Property(t *testing.T) {
	t.Parallel()
	statuses := []payments.Status{
		payments.StatusUnknown, payments.Open, payments.Partial, payments.Processing, payments.Held, payments.Settled, payments.Expired, payments.Invalid,
	}
	rapid.Check(t, func(t *rapid.T) {
		seen := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) payments.Invoice {
			return payments.Invoice{
				Status:   rapid.SampledFrom(statuses).Draw(t, "status"),
				Received: payments.Msat(rapid.SampledFrom([]int64{0, 1, 999, 1000, 1001, 2000, 3000}).Draw(t, "received")),
				Late:     rapid.Bool().Draw(t, "late"), Manual: rapid.Bool().Draw(t, "manual"),
			}
		}), 0, 12).Draw(t, "seen")
		changes, _ := payments.Story(1000, seen)
		ids := map[string]bool{}
		most, paid := payments.Msat(0), false
		complete := []payments.Event{payments.Paid, payments.PaidLate, payments.PaidOver, payments.PaidTwice}
		for i, c := range changes {
			require.False(t, ids[c.ID], "an ID is no other change's")
			ids[c.ID] = true
			isPaid := slices.Contains(complete, c.Event)
			require.False(t, paid && !isPaid, "after %v comes %v", changes[:i], c.Event)
			if isPaid || c.Event == payments.PaidPartial || c.Event == payments.MarkedPaid {
				require.GreaterOrEqual(t, c.Invoice.Received, most)
				require.False(t, paid && c.Invoice.Received == most, "the same money again")
				most = c.Invoice.Received
			}
			if isPaid {
				require.GreaterOrEqual(t, c.Invoice.Received, payments.Msat(1000))
			}
			paid = paid || isPaid
		}
		for _, s := range seen { // settled money is never passed over
			if s.Status == payments.Settled && s.Received > 0 {
				require.GreaterOrEqual(t, most, s.Received)
			}
		}
	})
}

func FuzzTillRecord(f *testing.F) {
	f.Add([]byte(`{"v":1,"key":"k","amount_msat":1000,"day":"20260102","made_at":"2026-01-02T15:04:05Z","invoice":{"id":"i","bolt11":"x","status":"open","amount_msat":1000,"expires_at":"2026-01-02T16:04:05Z"},`+
		`"others":[{"id":"j","bolt11":"y","status":"open","amount_msat":1000,"expires_at":"2026-01-02T16:04:05Z"}],"count":1,"changes":[{"id":"k.1","key":"k","event":"paid","invoice":{"id":"i"}}]}`), "settled", int64(2000))
	f.Add([]byte(`{"v":2}`), "", int64(0))
	f.Add([]byte(`{"v":1,"key":"k","amount_msat":1,"count":-1,"changes":null}`), "expired", int64(-1))
	f.Fuzz(func(t *testing.T, raw []byte, status string, received int64) {
		look := payments.Invoice{Status: payments.Status(status), Received: payments.Msat(received)}
		again, _, err := payments.ReadRecord(raw, look)
		if err != nil {
			require.Less(t, len(err.Error()), 80, "the record is not repeated")
			return
		}
		twice, _, err := payments.ReadRecord(again, look)
		require.NoError(t, err, "what was read is written so that it can be read")
		require.Equal(t, string(again), string(twice))
	})
}
