package dm

import (
	"strings"
	"testing"

	"github.com/nbd-wtf/go-nostr"
)

// The keys of the other tests are small numbers, with which a multiplication
// on the curve is cheap; these are not.
func benchmarkOpen(b *testing.B, event func(from, to someone) *nostr.Event) {
	customer, shop := aKey(b), aKey(b)
	ev := event(customer, shop)
	// A customer whom we wrote to before has a cached key; a stranger has none.
	for _, known := range []bool{true, false} {
		name := map[bool]string{true: "customer", false: "stranger"}[known]
		b.Run(name, func(b *testing.B) {
			me := Nsec(shop.hex)
			if known {
				if _, err := me.Encrypt(b.Context(), NIP44, customer.pub, "hello"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Open(b.Context(), me, ev, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenNIP17(b *testing.B) {
	benchmarkOpen(b, func(from, to someone) *nostr.Event {
		f := forgery{from: from, to: to}
		f.rumor = func(ev *nostr.Event) { ev.Content = strings.Repeat("x", 100) }
		return f.make(b)
	})
}

func BenchmarkOpenNIP04(b *testing.B) {
	benchmarkOpen(b, func(from, to someone) *nostr.Event { return aDMFrom(b, from, to, nil) })
}

func benchmarkSeal(b *testing.B, via Protocol) {
	customer, shop := aKey(b), aKey(b)
	d := Draft{To: customer.pub, Text: strings.Repeat("x", 100), Via: via, At: now}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Seal(b.Context(), shop, d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealNIP17(b *testing.B) { benchmarkSeal(b, NIP17) }
func BenchmarkSealNIP04(b *testing.B) { benchmarkSeal(b, NIP04) }

// What a stranger can make us do with one event that is not a message.
func BenchmarkOpenGarbage(b *testing.B) {
	customer, shop, other := aKey(b), aKey(b), aKey(b)
	wrongID := forgery{from: customer, to: shop}.make(b)
	wrongID.CreatedAt++
	elsewhere := forgery{from: customer, to: other}
	elsewhere.wrap = func(ev *nostr.Event) { ev.Tags[0][1] = shop.pub.String() }
	for name, ev := range map[string]*nostr.Event{"wrong-id": wrongID, "wrong-key": elsewhere.make(b)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Open(b.Context(), shop, ev, now); err == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}
