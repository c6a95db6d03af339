package nostrbot

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// How often a proof of work is asked for: of one stranger, and of all. A
// stranger's key costs nothing, so answers to strangers must be bounded
// together.
const (
	askWorkEvery = time.Hour
	askWorkRate  = 1 // a second
	askWorkBurst = 30
)

// ProofOfWork turns away strangers whose message did not cost them at least so
// much work: the event that carried it, a gift wrap or a kind 4, must have an id
// with that many leading zero bits and must have committed to them (NIP-13), so
// that luck does not count. A customer who is [Message.Known] passes.
//
// The refused stranger is told how much is wanted, once an hour, and at most 30
// strangers at once and one a second after that; the others meet silence. Each
// bit doubles the work: 20 are about a second on a telephone.
//
// It must stand outside of what answers strangers. It spares the handler, not
// the decryption; see [DecryptBudget] for that.
func ProofOfWork(bits int) Middleware {
	if bits < 1 || bits > 256 {
		panic(fmt.Sprintf("nostrbot: ProofOfWork(%d): give 1 to 256 bits; about 20 are usual", bits))
	}
	told := newMemory[time.Time](maxRemembered)
	all := rate.NewLimiter(askWorkRate, askWorkBurst)
	judge := func(m *Message) verdict {
		if m.Known || m.Work >= bits {
			return pass
		}
		return told.judge(m, func(at *time.Time) verdict {
			now := m.ReceivedAt
			if now.Sub(*at) < askWorkEvery || !all.AllowN(now, 1) {
				return refuse
			}
			*at = now
			return refuseAloud
		})
	}
	return gate("no-work", judge, func(m *Message) { m.Say(textWorkWanted, Data{"Bits": bits}) })
}
