package sandbox_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
	"github.com/dmshop/dmshop/payments/sandbox"
)

func TestWallet_KeepsItsKeyAndOpening(t *testing.T) {
	t.Parallel()
	kv := payments.NewMemoryKV()
	clock := newClock()
	before := wallet(t, sandbox.New(kv, sandbox.Options{Now: clock.Now}), "shop")
	inv := create(t, before, "order", 1000)
	clock.Advance(time.Minute)
	after := wallet(t, sandbox.New(kv, sandbox.Options{Now: clock.Now, Opening: 7}), "shop")
	require.Equal(t, inv, create(t, after, "order", 1000), "the very same invoice after a restart")
	require.Equal(t, sandbox.DefaultOpening, balance(t, after), "whatever the options say later")
	require.Equal(t, "shop", after.Name())
	require.Equal(t, "sandbox wallet shop", after.String())

	other := create(t, wallet(t, sandbox.New(kv, sandbox.Options{Now: clock.Now}), "other"), "order", 1000)
	require.NotEqual(t, inv.Hash, other.Hash, "one key under two wallets")
	mine, err := bolt11.Decode(inv.Bolt11)
	require.NoError(t, err)
	theirs, err := bolt11.Decode(other.Bolt11)
	require.NoError(t, err)
	require.NotEqual(t, mine.Payee, theirs.Payee)
	require.NotEqual(t, mine.Hash, sha256.Sum256(mine.Secret[:]), "the payment secret is not the preimage")
}

func TestWallet_Openings(t *testing.T) {
	t.Parallel()
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{
		Opening: 5 * payments.Sat, Openings: map[string]payments.Msat{"poor": 0, "rich": sandbox.MaxOpening, "odd": -1, "bank": sandbox.MaxOpening + 1},
	})
	for name, want := range map[string]payments.Msat{"anyone": 5 * payments.Sat, "poor": 0, "rich": sandbox.MaxOpening} {
		require.Equal(t, want, balance(t, wallet(t, n, name)), name)
	}
	for _, name := range []string{"odd", "bank", "", "a b", "a/b", strings.Repeat("n", 65), "é"} {
		_, err := n.Wallet(t.Context(), name)
		requireRefused(t, err, payments.ErrInvalid)
	}
	for _, expiry := range []time.Duration{-1, sandbox.MaxExpiry + 1} {
		_, err := sandbox.New(payments.NewMemoryKV(), sandbox.Options{Expiry: expiry}).Wallet(t.Context(), "shop")
		requireRefused(t, err, payments.ErrInvalid)
	}
}

func TestCreateInvoice_Expiry(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		offset, option, asked time.Duration
		want                  time.Time
	}{
		"default":                {want: start.Add(sandbox.DefaultExpiry)},
		"the network's":          {option: time.Minute, want: start.Add(time.Minute)},
		"the charge's":           {option: time.Minute, asked: time.Second, want: start.Add(time.Second)},
		"rounded up":             {asked: time.Millisecond, want: start.Add(time.Second)},
		"from within a second":   {offset: 900 * time.Millisecond, asked: time.Second, want: start.Add(2 * time.Second)},
		"as long as can be":      {asked: sandbox.MaxExpiry, want: start.Add(sandbox.MaxExpiry)},
		"to the end of a second": {offset: 400 * time.Millisecond, asked: 600 * time.Millisecond, want: start.Add(time.Second)},
	} {
		clock := newClock()
		clock.Advance(tt.offset)
		shop := wallet(t, sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: clock.Now, Expiry: tt.option}), "shop")
		inv, err := shop.CreateInvoice(t.Context(), payments.Charge{Key: "order", Amount: 1, Expiry: tt.asked})
		require.NoError(t, err, name)
		require.Equal(t, tt.want, inv.ExpiresAt, name)
		read, err := bolt11.Decode(inv.Bolt11)
		require.NoError(t, err, name)
		require.Equal(t, tt.want, read.ExpiresAt, name)
		require.Equal(t, start, read.CreatedAt, name)
	}
	shop := wallet(t, sandbox.New(payments.NewMemoryKV(), sandbox.Options{}), "shop")
	_, err := shop.CreateInvoice(t.Context(), payments.Charge{Key: "order", Amount: 1, Expiry: sandbox.MaxExpiry + 1})
	requireRefused(t, err, payments.ErrInvalid)
	_, err = shop.CreateInvoice(t.Context(), payments.Charge{Key: "order", Amount: 21_000_001 * payments.BTC})
	requireRefused(t, err, payments.ErrInvalid)
}

func TestCreateInvoice_ExpiredKeyStaysTaken(t *testing.T) {
	t.Parallel()
	clock := newClock()
	shop := wallet(t, sandbox.New(payments.NewMemoryKV(), sandbox.Options{Now: clock.Now}), "shop")
	first := create(t, shop, "order", 1000)
	clock.Advance(time.Hour)
	again := create(t, shop, "order", 1000)
	require.Equal(t, payments.Expired, again.Status)
	require.Equal(t, first.Bolt11, again.Bolt11)
	_, err := shop.CreateInvoice(t.Context(), payments.Charge{Key: "order", Amount: 1001})
	requireRefused(t, err, payments.ErrConflict)
}

func TestCreateInvoice_Memo(t *testing.T) {
	t.Parallel()
	shop := wallet(t, sandbox.New(payments.NewMemoryKV(), sandbox.Options{}), "shop")
	for i, memo := range []string{
		"", "one coffee", "ナンセンス 1杯", "\xff\xfe", "a\x00b", strings.Repeat("x", 2000), strings.Repeat("é", 1000),
		"1" + strings.Repeat("杯", 1000), "22" + strings.Repeat("💡", 1000), strings.Repeat("\xf0", 1000),
	} {
		inv, err := shop.CreateInvoice(t.Context(), payments.Charge{Key: fmt.Sprint(i), Amount: 1, Memo: memo})
		require.NoError(t, err, "%.20q", memo)
		read, err := bolt11.Decode(inv.Bolt11, bolt11.Regtest)
		require.NoError(t, err)
		want := strings.ToValidUTF8("SANDBOX "+memo, "\uFFFD")
		require.True(t, strings.HasPrefix(want, read.Description), "%q", read.Description)
		require.True(t, utf8.ValidString(read.Description))
		if len(want) > bolt11.MaxDescription {
			require.Greater(t, len(read.Description), bolt11.MaxDescription-utf8.UTFMax, "cut no more than it must be")
		} else {
			require.Equal(t, want, read.Description)
		}
	}
}

func TestLookupInvoice_OfOthersIsNotFound(t *testing.T) {
	t.Parallel()
	n := sandbox.New(payments.NewMemoryKV(), sandbox.Options{})
	inv := create(t, wallet(t, n, "shop"), "order", 1000)
	_, err := wallet(t, n, "customer").LookupInvoice(t.Context(), inv.ID)
	requireRefused(t, err, payments.ErrNotFound)
}

func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	kv := payments.NewMemoryKV()
	n := sandbox.New(kv, sandbox.Options{})
	shop, customer := wallet(t, n, "shop"), wallet(t, n, "customer")
	inv := create(t, shop, "order", 1000)
	payment, err := pay(customer, inv)
	require.NoError(t, err)

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x"} {
		_, _ = fmt.Fprintf(&out, verb+verb+verb+"\n", shop, *customer, payment)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "wallet", shop, "payment", payment, "invoice", inv)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "wallet", shop, "payment", payment, "invoice", inv)

	// Damaged records: the errors may say which, not what was in it.
	names, err := kv.List(t.Context(), "sandbox/")
	require.NoError(t, err)
	var secrets []string
	for _, name := range names {
		value, rev, err := kv.Get(t.Context(), name)
		require.NoError(t, err)
		for _, field := range []string{`"key":"`, `"preimage":"`} {
			if _, rest, ok := strings.Cut(string(value), field); ok && len(rest) > 64 && !strings.Contains(rest[:64], `"`) {
				secrets = append(secrets, rest[:64])
			}
		}
		_, err = kv.Put(t.Context(), name, bytes.Replace(value, []byte(`}`), []byte(`,`), 1), rev)
		require.NoError(t, err)
	}
	require.Len(t, secrets, 3, "two keys and a preimage")
	fresh := sandbox.New(kv, sandbox.Options{})
	for _, call := range []func() error{
		func() error { _, err := fresh.Wallet(t.Context(), "shop"); return err },
		func() error { _, err := shop.LookupInvoice(t.Context(), inv.ID); return err },
		func() error {
			_, err := shop.CreateInvoice(t.Context(), payments.Charge{Key: "order", Amount: 1000})
			return err
		},
		func() error { _, err := customer.LookupPayment(t.Context(), inv.Hash); return err },
		func() error { _, err := pay(customer, inv); return err },
	} {
		err := call()
		requireRefused(t, err, payments.ErrUnavailable)
		require.ErrorContains(t, err, "damaged")
		_, _ = fmt.Fprintf(&out, "%v %+v\n", err, err)
	}
	for _, s := range secrets {
		raw, err := hex.DecodeString(s)
		require.NoError(t, err)
		require.NotContains(t, out.String(), s[:8])
		require.NotContains(t, strings.ToLower(out.String()), fmt.Sprintf("%#x, %#x, %#x", raw[0], raw[1], raw[2]))
		require.NotContains(t, out.String(), fmt.Sprint(raw[0], raw[1], raw[2]))
	}
}

func TestLostAnswers_Create(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*flakyKV){
		"question lost": func(f *flakyKV) { f.before = 1 },
		"answer lost":   func(f *flakyKV) { f.after = 1 },
	} {
		kv := &flakyKV{KV: payments.NewMemoryKV()}
		n := sandbox.New(kv, sandbox.Options{})
		set(kv)
		_, err := n.Wallet(t.Context(), "shop")
		require.ErrorIs(t, err, errFlaky, name)
		require.False(t, payments.MayRepeat(err), name)
		shop := wallet(t, n, "shop")

		set(kv)
		c := payments.Charge{Key: "order", Amount: 1000}
		_, err = shop.CreateInvoice(t.Context(), c)
		require.ErrorIs(t, err, payments.ErrUnavailable, name)
		require.ErrorIs(t, err, errFlaky, name)
		require.False(t, payments.MayRepeat(err), name)
		inv, err := shop.CreateInvoice(t.Context(), c)
		require.NoError(t, err, "asking again with the same Charge is safe")
		looked, err := wallet(t, sandbox.New(kv, sandbox.Options{}), "shop").LookupInvoice(t.Context(), inv.ID)
		require.NoError(t, err)
		require.Equal(t, inv, looked)
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	kv := &flakyKV{KV: payments.NewMemoryKV()}
	n := sandbox.New(kv, sandbox.Options{})
	shop, customer := wallet(t, n, "shop"), wallet(t, n, "customer")
	inv, paid := create(t, shop, "order", 1000), create(t, shop, "paid", 1000)
	_, err := pay(customer, paid)
	require.NoError(t, err)
	ctx := context.Background()
	for name, call := range map[string]func() error{
		"wallet":         func() error { _, err := n.Wallet(ctx, "shop"); return err },
		"balance":        func() error { _, err := shop.Balance(ctx); return err },
		"create":         func() error { _, err := shop.CreateInvoice(ctx, payments.Charge{Key: "k", Amount: 1}); return err },
		"look up":        func() error { _, err := shop.LookupInvoice(ctx, inv.ID); return err },
		"pay":            func() error { _, err := pay(customer, inv); return err },
		"look up a paid": func() error { _, err := customer.LookupPayment(ctx, paid.Hash); return err },
	} {
		kv.mu.Lock()
		kv.get = 1
		kv.mu.Unlock()
		err := call()
		requireRefused(t, err, payments.ErrUnavailable)
		require.ErrorIs(t, err, errFlaky, name)
		require.NoError(t, call(), name)
	}
}
