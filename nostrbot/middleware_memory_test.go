package nostrbot

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// However many keys come, what is remembered is bounded, and it is those met
// last, as a list that keeps everything has it.
func TestMemory_KeepsThoseMetLast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const limit = 4
		k := newMemory[int](limit)
		var met []byte // oldest first
		counts := map[byte]int{}
		for i := range rapid.IntRange(1, 60).Draw(t, "messages") {
			who := rapid.Byte().Draw(t, "who") % 8
			for j, w := range met {
				if w == who {
					met = append(met[:j:j], met[j+1:]...)
					break
				}
			}
			if met = append(met, who); len(met) > limit {
				delete(counts, met[0])
				met = met[1:]
			}
			counts[who]++
			m := &Message{From: PubKey{who}, ID: string(binary.AppendUvarint(nil, uint64(i)))}
			var got int
			for range 2 { // the second is the same message again
				k.judge(m, func(n *int) verdict { *n++; return pass })
				k.with(m.From, func(n *int) { got = *n })
			}
			require.Equal(t, counts[who], got)
			require.Len(t, k.customers, len(met))
			require.Equal(t, len(met), k.order.Len())
		}
	})
}
