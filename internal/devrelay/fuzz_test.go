package devrelay

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMessage: no client can make the relay panic, and what is taken for a
// message is JSON.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`["EVENT",{"id":"00","pubkey":"00","created_at":1,"kind":1,"tags":[["p"]],"content":"","sig":""}]`))
	f.Add([]byte(`["REQ","s",{"ids":["a"],"#p":["b"],"limit":0},{"since":1}]`))
	f.Add([]byte(`["CLOSE","s"]`))
	f.Add([]byte(`["AUTH",{"tags":[[],null]}]`))
	f.Add([]byte(`["EVENT",{"tags":[["d"]],"kind":30000,"id":"x"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		claimedID(data)
		m, err := parseMessage(data)
		if err != nil {
			return
		}
		require.True(t, json.Valid(data))
		if m.event != nil {
			verify(m.event)
			st := newStore(2)
			st.add(&stored{event: m.event, raw: m.raw})
			st.query(m.filters, 0, false)
		}
	})
}
